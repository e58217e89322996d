"""The rights that a user carries: who decides them, and what no copy takes along."""

import copy
import pickle

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import AnonymousUser, User
from django.utils.functional import SimpleLazyObject

from django_cognito.authorization.rights import (
    NO_RIGHTS,
    Rights,
    UnavailableRights,
    aget_rights,
    get_mapped_permissions,
    get_rights,
    set_rights,
)
from django_cognito.core.errors import CognitoUnavailableError
from django_cognito.models import CognitoUser
from tests.support.user_scenario import link_of

RIGHTS = Rights(groups=("editors", "viewers"), scopes=frozenset({"orders/read", "openid"}))
COPIES = [copy.copy, copy.deepcopy, lambda user: pickle.loads(pickle.dumps(user))]


def test_one_of_the_groups_is_enough() -> None:
    assert RIGHTS.in_group("admins", "viewers")
    assert not RIGHTS.in_group("admins")
    assert not RIGHTS.in_group()


def test_every_scope_is_needed() -> None:
    assert RIGHTS.has_scope("openid", "orders/read")
    assert not RIGHTS.has_scope("openid", "orders/write")


def test_unavailable_rights_give_no_permission_and_no_answer_about_groups() -> None:
    rights = UnavailableRights(failure=CognitoUnavailableError("no answer"))
    assert get_mapped_permissions(rights) == frozenset()
    for question in (rights.in_group, rights.has_scope):
        with pytest.raises(CognitoUnavailableError):
            question("editors")


@pytest.mark.parametrize("user", [AnonymousUser(), User(pk=1, is_active=False), User()])
def test_a_visitor_a_disabled_account_and_an_unsaved_one_have_none(user) -> None:
    assert get_rights(user) == NO_RIGHTS


def test_a_disabled_account_has_none_even_where_it_carries_some() -> None:
    user = User(pk=1, is_active=False)
    set_rights(user, RIGHTS)
    assert get_rights(user) == NO_RIGHTS


def test_a_lazy_user_has_the_rights_of_the_one_it_stands_for() -> None:
    user = User(pk=1)
    set_rights(user, RIGHTS)
    assert get_rights(SimpleLazyObject(lambda: user)) is RIGHTS


def test_what_is_attached_to_a_lazy_user_is_carried_by_the_one_it_stands_for() -> None:
    user = User(pk=1)
    lazy = SimpleLazyObject(lambda: user)
    set_rights(lazy, RIGHTS)
    assert get_rights(user) is get_rights(lazy) is RIGHTS


@pytest.mark.django_db
@pytest.mark.parametrize("again", COPIES)
def test_a_copy_has_the_databases_rights(told, again) -> None:
    user = told("editors")
    CognitoUser.objects.update(groups=["viewers"])
    assert get_rights(user).groups == ("editors",)
    other = again(user)
    assert other == user
    assert get_rights(other).groups == ("viewers",)
    assert get_rights(user).groups == ("editors",)


@pytest.mark.django_db
def test_nothing_of_the_token_is_in_a_pickle(told) -> None:
    user = told("editors", jti="a-jti-to-look-for", **{"custom:tenant": "acme"})
    data = pickle.dumps(user)
    assert not any(secret in data for secret in (b"a-jti-to-look-for", b"acme", b"editors", b"eyJ"))


@pytest.mark.django_db
def test_a_user_that_carries_none_has_what_the_database_remembers_in_one_query(told, django_assert_num_queries) -> None:
    told("editors", "viewers")
    told("viewers", "admins", username="bob")
    CognitoUser.objects.update(user=User.objects.get(username="alice"))
    user = User.objects.get(username="alice")
    with django_assert_num_queries(1):
        assert get_rights(user).groups == ("editors", "viewers", "admins")
        assert get_rights(user).scopes == frozenset()


@pytest.mark.django_db
def test_a_local_account_has_none(django_user_model) -> None:
    assert get_rights(django_user_model.objects.create(username="her")) == NO_RIGHTS


@pytest.mark.django_db
@pytest.mark.usefixtures("mapped")
def test_a_mapped_permission_costs_no_query(told, django_assert_num_queries) -> None:
    told("editors")
    user = told("editors")
    with django_assert_num_queries(0):
        assert user.has_perm("auth.change_group")
    with django_assert_num_queries(2):  # ModelBackend's own, for a right that Cognito does not give
        assert not user.has_perm("auth.delete_group")
        assert not user.has_perm("auth.delete_user")


@pytest.mark.django_db
@pytest.mark.usefixtures("mapped")
def test_a_permission_is_asked_of_the_settings_of_the_moment(told, cognito) -> None:
    user = told("editors")
    cognito(GROUPS={})
    assert not user.has_perm("auth.change_group")


@pytest.mark.django_db(transaction=True)
def test_the_async_twin_says_the_same_carried_or_remembered(told) -> None:
    user = told("editors")
    assert async_to_sync(aget_rights)(user).groups == ("editors",)
    assert async_to_sync(aget_rights)(User.objects.get(pk=link_of(user).user_id)).groups == ("editors",)
