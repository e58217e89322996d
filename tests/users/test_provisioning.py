"""Who a token stands for: made, found and linked, and never somebody else."""

import logging
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.db.models.signals import post_save

from django_cognito.conf.loading import get_settings
from django_cognito.core.errors import TokenError
from django_cognito.models import CognitoMembership, CognitoUser
from django_cognito.users import provisioning
from django_cognito.users.machine import MachineUser
from tests.support.user_scenario import django_groups, link_of, token

pytestmark = pytest.mark.django_db
EMAIL = {"email": "alice@example.com", "email_verified": True}


def test_a_first_token_makes_its_user(told) -> None:
    user = told()
    assert (user.username, user.is_active, user.is_staff, user.is_superuser) == ("alice", True, False, False)
    assert link_of(user).user_pool_id == "eu-west-1_TestPool1"


@pytest.mark.defends("RP-16")
def test_a_user_that_a_token_made_has_no_password_that_could_be_used(told) -> None:
    user = told()
    assert user.password.startswith("!")
    assert not user.has_usable_password()


@pytest.mark.defends("RP-14")
def test_the_same_person_is_the_same_user(told) -> None:
    assert told().pk == told(at=1).pk == told(token_use="id").pk
    assert User.objects.count() == CognitoUser.objects.count() == 1


@pytest.mark.defends("RP-14")
def test_the_sub_is_who_somebody_is_whatever_else_changes(told) -> None:
    sub = link_of(told()).sub
    renamed = told(token_use="id", username="alicia", sub=sub, at=1, email="other@example.com")
    assert (renamed.username, renamed.email) == ("alice", "other@example.com")
    assert User.objects.count() == 1


@pytest.mark.defends("RP-13")
def test_the_same_sub_in_another_pool_is_another_person(told, cognito) -> None:
    told()
    other = provisioning.get_or_create_link(_other_pool(link_of(User.objects.get()).sub), get_settings())
    assert other.user.username == "alice-" + other.sub[:8]
    assert User.objects.count() == 2


def test_an_id_token_gives_the_profile(told) -> None:
    user = told(profile={"given_name": "Alice", "family_name": "Liddell"})
    user.refresh_from_db()
    assert (user.email, user.first_name, user.last_name) == ("alice@example.com", "Alice", "Liddell")


@pytest.mark.defends("RP-13")
def test_a_username_that_a_local_user_has_gets_a_suffix_and_never_that_account(told) -> None:
    local = User.objects.create_user("alice", password="her own")
    user = told()
    assert user.pk != local.pk
    assert user.username == f"alice-{link_of(user).sub[:8]}"
    assert list(local.cognito_users.all()) == []


def test_where_the_suffixed_name_is_taken_too_the_sub_is_the_name(told) -> None:
    User.objects.create_user("alice")
    sub = link_of(told()).sub
    CognitoUser.objects.all().delete()
    assert told().username == sub


def test_a_long_username_is_shortened_to_the_field_also_with_its_suffix(told) -> None:
    assert told(username="a" * 200).username == "a" * 150
    CognitoUser.objects.all().delete()
    other = told(username="a" * 200, sub="0b5a3f2e-0000-4000-8000-000000000000")
    assert other.username == "a" * 141 + "-0b5a3f2e"


def test_a_username_is_normalized_as_django_does(told) -> None:
    User.objects.create_user("alice")
    assert told(username="\uff41lice").username.startswith("alice-")


@pytest.mark.parametrize(
    ("claim", "name"),
    [("preferred_username", "Al"), ("sub", None), ("email", "alice@example.com"), ("no_such_claim", "alice")],
)
def test_username_names_the_claim_that_names_a_new_user(told, cognito, claim, name) -> None:
    cognito(USERNAME=claim)
    user = told(token_use="id", preferred_username="Al")
    assert user.username == (name or link_of(user).sub)


@pytest.mark.parametrize("odd", ["a\0b", "", "  ", 5, ["x"], None])
def test_an_odd_name_is_not_used(told, cognito, odd) -> None:
    cognito(USERNAME="preferred_username")
    assert told(token_use="id", preferred_username=odd).username == "alice"


def test_the_name_is_given_once(told, cognito) -> None:
    cognito(USERNAME="preferred_username")
    told(token_use="id", preferred_username="Al")
    assert told(token_use="id", preferred_username="Bo", at=1).username == "Al"


def test_without_create_users_nobody_is_made(told, cognito) -> None:
    cognito(CREATE_USERS=False)
    with pytest.raises(TokenError) as refused:
        told()
    assert refused.value.code == "user_unknown"
    assert (User.objects.count(), CognitoUser.objects.count()) == (0, 0)


def test_without_create_users_those_who_are_known_come_in(told, cognito) -> None:
    known = told()
    cognito(CREATE_USERS=False)
    assert told(at=1) == known


@pytest.mark.defends("RP-15")
def test_a_disabled_account_is_refused_and_nothing_is_written(told, mapped, django_assert_num_queries) -> None:
    user = told("viewers", at=-60)
    User.objects.update(is_active=False)
    with django_assert_num_queries(1), pytest.raises(TokenError) as refused:
        told("editors", "admins", profile={"given_name": "Al"})
    assert refused.value.code == "user_inactive"
    user.refresh_from_db()
    assert (user.is_staff, user.first_name, django_groups(user)) == (False, "", {"Readers"})


def test_a_machine_is_nobodys_user(cognito_keys) -> None:
    from django_cognito.users.authentication import authenticate

    machine, _ = authenticate(token(username=None, sub="1testclient23456789", scope="orders/read"))
    assert isinstance(machine, MachineUser)
    assert User.objects.count() == 0


# An existing account, by an e-mail that Cognito verified


@pytest.fixture
def local(cognito) -> User:
    """A local account, on a site that links by verified e-mail."""
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    return User.objects.create_user("her", "Alice@Example.com", "her own")


@pytest.mark.defends("RP-12")
@pytest.mark.parametrize("verified", [True, "true"])
def test_a_verified_email_links_the_existing_account(told, local, verified) -> None:
    assert told(token_use="id", email_verified=verified) == local
    assert User.objects.count() == 1


def test_a_linked_account_keeps_its_name_and_gets_profile_and_groups(told, local, mapped, cognito) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    told("editors", token_use="id", given_name="Alice")
    local.refresh_from_db()
    assert (local.username, local.first_name, django_groups(local)) == ("her", "Alice", {"Writers", "Readers"})
    assert not local.has_usable_password()


def test_a_login_links_by_its_id_token(told, local) -> None:
    assert told(profile={}) == local


@pytest.mark.defends("RP-12")
@pytest.mark.parametrize("verified", [False, "false", None, "True", 1, ["true"]])
def test_an_unverified_email_links_nobody(told, local, verified) -> None:
    assert told(token_use="id", email_verified=verified) != local


@pytest.mark.defends("RP-12")
def test_no_email_is_linked_where_the_site_did_not_allow_it(told, cognito) -> None:
    local = User.objects.create_user("her", "alice@example.com")
    assert told(token_use="id") != local


@pytest.mark.defends("RP-12")
@pytest.mark.parametrize("change", [{"is_staff": True}, {"is_superuser": True}, {"is_active": False}])
def test_an_account_of_weight_or_a_disabled_one_is_never_linked(told, local, change) -> None:
    User.objects.filter(pk=local.pk).update(**change)
    assert told(token_use="id") != local


def test_an_email_that_two_accounts_have_links_neither(told, local) -> None:
    other = User.objects.create_user("other", "alice@example.com")
    assert told(token_use="id") not in (local, other)


def test_an_access_token_links_nobody_by_an_email_of_its_own(told, local) -> None:
    assert told(**EMAIL) != local


@pytest.mark.defends("RP-12")
@pytest.mark.parametrize("lookalike", ["al\u0131ce@example.com", "alice@exampl\u0435.com", "ali\u212ae@example.com"])
def test_a_lookalike_email_links_nobody(told, cognito, lookalike) -> None:
    # CVE-2019-19844: a database folds case wider than mail does; "\u0131" in capitals is "I".
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = [User.objects.create_user(name, f"{name}@example.com") for name in ("alice", "alike")]
    assert told(token_use="id", email=lookalike) not in local


def test_an_email_outside_ascii_links_where_it_is_the_same_to_the_letter(told, cognito) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("her", "\u00e1lice@example.com")
    assert told(token_use="id", email="\u00e1lice@example.com") == local


def test_with_create_users_off_a_verified_email_still_links(told, local, cognito) -> None:
    cognito(CREATE_USERS=False)
    assert told(token_use="id") == local


# The profile's odd claims


@pytest.mark.parametrize(
    ("claim", "kept"),
    [
        (None, ""),
        ("a\0b", ""),
        (["A"], ""),
        ({"a": "b"}, ""),
        ("x" * 200, "x" * 150),
        ("\u5bff\u9650\u7121 \U0001f407", "\u5bff\u9650\u7121 \U0001f407"),
    ],
)
def test_a_claim_comes_into_its_field_where_it_fits(told, claim, kept) -> None:
    user = told(token_use="id", given_name=claim)
    user.refresh_from_db()
    assert user.first_name == kept


@pytest.mark.parametrize("email", ["no address", "a" * 250 + "@example.com", ["alice@example.com"], 7])
def test_what_is_no_address_is_not_the_email(told, caplog, email) -> None:
    told(token_use="id", at=-1)
    with caplog.at_level(logging.WARNING, "django_cognito"):
        user = told(token_use="id", email=email)
    assert user.email == "alice@example.com"
    logged = " ".join(caplog.messages)  # `caplog.text` has line numbers, in which a digit may occur
    assert "email" in logged
    assert str(email) not in logged


def test_an_empty_claim_empties_a_field_that_may_be_empty(told) -> None:
    told(token_use="id", given_name="Alice", at=-1)
    assert told(token_use="id", given_name="").first_name == ""


def test_an_absent_claim_changes_nothing(told) -> None:
    told(token_use="id", given_name="Alice", at=-1)
    assert told(token_use="id").first_name == "Alice"


def test_a_claim_of_the_wrong_type_for_its_field_is_left_out(told, cognito) -> None:
    cognito(ATTRIBUTES={"date_joined": "custom:joined", "first_name": "given_name"})
    user = told(token_use="id", given_name="Alice", **{"custom:joined": "yesterday"})
    assert user.first_name == "Alice"
    assert user.date_joined is not None


def test_a_unique_field_that_somebody_else_has_stays_as_it_is(told, cognito, caplog) -> None:
    cognito(ATTRIBUTES={"username": "nickname"})
    User.objects.create_user("al")
    assert told(token_use="id", nickname="bo", at=-1).username == "bo"
    assert told(token_use="id", nickname="al").username == "bo"
    assert "username" in caplog.text


def test_a_mapped_username_is_not_overwritten_by_cognitos(told, cognito) -> None:
    cognito(ATTRIBUTES={"username": "nickname"})
    assert told(token_use="id", nickname="bo").username == "bo"


def test_groups_with_names_that_no_pool_can_have_are_left_out(told, cognito) -> None:
    cognito(MIRROR_GROUPS=True)
    assert django_groups(told("x" * 129, "y" * 128, "y" * 128)) == {"y" * 128}


# One transaction


@pytest.mark.django_db(transaction=True)
def test_an_error_half_way_through_a_first_token_leaves_nothing_behind(told, mapped, failing_on) -> None:
    failing_on("Writers")
    with pytest.raises(RuntimeError):
        told("editors")
    assert not any(model.objects.exists() for model in (get_user_model(), CognitoUser, CognitoMembership))


@pytest.mark.django_db(transaction=True)
def test_an_error_half_way_through_a_change_leaves_all_as_it_was(told, mapped, failing_on) -> None:
    told("viewers", at=-60)
    failing_on("Writers")
    with pytest.raises(RuntimeError):
        told("admins", "editors", given_name="Al")
    user = User.objects.get()
    assert (user.is_staff, django_groups(user), link_of(user).groups) == (False, {"Readers"}, ["viewers"])
    assert list(CognitoMembership.objects.values_list("name", flat=True)) == ["viewers"]


@pytest.mark.django_db(transaction=True)
def test_a_conflict_that_stays_is_raised_and_not_tried_for_ever(told) -> None:
    tried = []

    def refuse(**_: Any) -> None:
        tried.append(1)
        raise IntegrityError("a constraint of the site's own")

    post_save.connect(refuse, sender=User)
    try:
        with pytest.raises(IntegrityError):
            told()
    finally:
        post_save.disconnect(refuse, sender=User)
    assert len(tried) == 3
    assert not User.objects.exists()


def _other_pool(sub: str) -> Any:
    from django_cognito.core import AccessToken
    from django_cognito.core.tokens.token import read_unverified
    from django_cognito.users.claim_sources import claims_from_tokens

    claims = read_unverified(token())
    return claims_from_tokens(AccessToken("eu-west-1_Other", claims), None, get_settings())._replace(sub=sub)
