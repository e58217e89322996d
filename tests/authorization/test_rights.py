"""The rights that are attached to a user object: their source, and copies that do not have them."""

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
from tests.support.scenarios.users import link_of

RIGHTS = Rights(groups=("editors", "viewers"), scopes=frozenset({"orders/read", "openid"}))
COPIES = [copy.copy, copy.deepcopy, lambda user: pickle.loads(pickle.dumps(user))]


def test_in_group_needs_one_of_the_groups() -> None:
    assert RIGHTS.in_group("admins", "viewers")
    assert not RIGHTS.in_group("admins")
    assert not RIGHTS.in_group()


def test_has_scope_needs_every_scope() -> None:
    assert RIGHTS.has_scope("openid", "orders/read")
    assert not RIGHTS.has_scope("openid", "orders/write")


def test_unavailable_rights_grant_nothing_and_raise_on_queries() -> None:
    rights = UnavailableRights(failure=CognitoUnavailableError("no answer"))
    assert get_mapped_permissions(rights) == frozenset()
    for method in (rights.in_group, rights.has_scope):
        with pytest.raises(CognitoUnavailableError):
            method("editors")


@pytest.mark.parametrize("user", [AnonymousUser(), User(pk=1, is_active=False), User()])
def test_anonymous_disabled_or_unsaved_user_has_no_rights(user) -> None:
    assert get_rights(user) == NO_RIGHTS


def test_disabled_user_with_attached_rights_has_no_rights() -> None:
    user = User(pk=1, is_active=False)
    set_rights(user, RIGHTS)
    assert get_rights(user) == NO_RIGHTS


def test_lazy_user_has_the_rights_of_the_wrapped_user() -> None:
    user = User(pk=1)
    set_rights(user, RIGHTS)
    assert get_rights(SimpleLazyObject(lambda: user)) is RIGHTS


def test_rights_set_on_a_lazy_user_are_on_the_wrapped_user() -> None:
    user = User(pk=1)
    lazy = SimpleLazyObject(lambda: user)
    set_rights(lazy, RIGHTS)
    assert get_rights(user) is get_rights(lazy) is RIGHTS


@pytest.mark.django_db
@pytest.mark.parametrize("duplicate", COPIES)
def test_copy_of_a_user_has_the_rights_of_the_database(user_from_token, duplicate) -> None:
    user = user_from_token("editors")
    CognitoUser.objects.update(groups=["viewers"])
    assert get_rights(user).groups == ("editors",)
    other = duplicate(user)
    assert other == user
    assert get_rights(other).groups == ("viewers",)
    assert get_rights(user).groups == ("editors",)


@pytest.mark.django_db
def test_pickled_user_contains_nothing_of_the_token(user_from_token) -> None:
    user = user_from_token("editors", jti="a-jti-to-look-for", **{"custom:tenant": "acme"})
    data = pickle.dumps(user)
    assert not any(secret in data for secret in (b"a-jti-to-look-for", b"acme", b"editors", b"eyJ"))


@pytest.mark.django_db
def test_user_without_attached_rights_reads_them_in_one_query(user_from_token, django_assert_num_queries) -> None:
    user_from_token("editors", "viewers")
    user_from_token("viewers", "admins", username="bob")
    CognitoUser.objects.update(user=User.objects.get(username="alice"))
    user = User.objects.get(username="alice")
    with django_assert_num_queries(1):
        assert get_rights(user).groups == ("editors", "viewers", "admins")
        assert get_rights(user).scopes == frozenset()


@pytest.mark.django_db
def test_local_account_has_no_rights(django_user_model) -> None:
    assert get_rights(django_user_model.objects.create(username="local")) == NO_RIGHTS


@pytest.mark.django_db
@pytest.mark.usefixtures("mapped")
def test_mapped_permission_makes_no_query(user_from_token, django_assert_num_queries) -> None:
    user_from_token("editors")
    user = user_from_token("editors")
    with django_assert_num_queries(0):
        assert user.has_perm("auth.change_group")
    with django_assert_num_queries(2):  # by ModelBackend, for a permission that no group grants
        assert not user.has_perm("auth.delete_group")
        assert not user.has_perm("auth.delete_user")


@pytest.mark.django_db
@pytest.mark.usefixtures("mapped")
def test_permission_follows_the_current_settings(user_from_token, cognito) -> None:
    user = user_from_token("editors")
    cognito(GROUPS={})
    assert not user.has_perm("auth.change_group")


@pytest.mark.django_db(transaction=True)
def test_aget_rights_returns_attached_and_stored_rights(user_from_token) -> None:
    user = user_from_token("editors")
    assert async_to_sync(aget_rights)(user).groups == ("editors",)
    assert async_to_sync(aget_rights)(User.objects.get(pk=link_of(user).user_id)).groups == ("editors",)
