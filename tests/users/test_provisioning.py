"""The user of a token is created, found or linked, and is never the account of another user."""

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
from django_cognito.users.accounts.machine import MachineUser
from django_cognito.users.writing import provisioning
from tests.support.scenarios.users import django_groups, link_of, token

pytestmark = pytest.mark.django_db
EMAIL = {"email": "alice@example.com", "email_verified": True}


def test_first_token_creates_its_user(user_from_token) -> None:
    user = user_from_token()
    assert (user.username, user.is_active, user.is_staff, user.is_superuser) == ("alice", True, False, False)
    assert link_of(user).user_pool_id == "eu-west-1_TestPool1"


@pytest.mark.defends("RP-16")
def test_created_user_has_no_usable_password(user_from_token) -> None:
    user = user_from_token()
    assert user.password.startswith("!")
    assert not user.has_usable_password()


@pytest.mark.defends("RP-14")
def test_tokens_with_the_same_sub_are_the_same_user(user_from_token) -> None:
    assert user_from_token().pk == user_from_token(at=1).pk == user_from_token(token_use="id").pk
    assert User.objects.count() == CognitoUser.objects.count() == 1


@pytest.mark.defends("RP-14")
def test_changed_username_and_email_with_the_same_sub_are_one_user(user_from_token) -> None:
    sub = link_of(user_from_token()).sub
    renamed = user_from_token(token_use="id", username="alicia", sub=sub, at=1, email="other@example.com")
    assert (renamed.username, renamed.email) == ("alice", "other@example.com")
    assert User.objects.count() == 1


@pytest.mark.defends("RP-13")
def test_same_sub_in_another_pool_is_another_user(user_from_token, cognito) -> None:
    user_from_token()
    other = provisioning.get_or_create_link(_other_pool(link_of(User.objects.get()).sub), get_settings())
    assert other.user.username == "alice-" + other.sub[:8]
    assert User.objects.count() == 2


def test_id_token_fills_the_profile(user_from_token) -> None:
    user = user_from_token(profile={"given_name": "Alice", "family_name": "Liddell"})
    user.refresh_from_db()
    assert (user.email, user.first_name, user.last_name) == ("alice@example.com", "Alice", "Liddell")


@pytest.mark.defends("RP-13")
def test_username_of_a_local_user_gets_a_suffix(user_from_token) -> None:
    local = User.objects.create_user("alice", password="local password")
    user = user_from_token()
    assert user.pk != local.pk
    assert user.username == f"alice-{link_of(user).sub[:8]}"
    assert list(local.cognito_users.all()) == []


def test_sub_is_the_username_if_the_suffixed_name_is_in_use(user_from_token) -> None:
    User.objects.create_user("alice")
    sub = link_of(user_from_token()).sub
    CognitoUser.objects.all().delete()
    assert user_from_token().username == sub


def test_long_username_is_truncated_to_the_field(user_from_token) -> None:
    assert user_from_token(username="a" * 200).username == "a" * 150
    CognitoUser.objects.all().delete()
    other = user_from_token(username="a" * 200, sub="0b5a3f2e-0000-4000-8000-000000000000")
    assert other.username == "a" * 141 + "-0b5a3f2e"


def test_username_is_normalized(user_from_token) -> None:
    User.objects.create_user("alice")
    assert user_from_token(username="\uff41lice").username.startswith("alice-")


@pytest.mark.parametrize(
    ("claim", "name"),
    [("preferred_username", "Al"), ("sub", None), ("email", "alice@example.com"), ("no_such_claim", "alice")],
)
def test_username_setting_selects_the_claim(user_from_token, cognito, claim, name) -> None:
    cognito(USERNAME=claim)
    user = user_from_token(token_use="id", preferred_username="Al")
    assert user.username == (name or link_of(user).sub)


@pytest.mark.parametrize("odd", ["a\0b", "", "  ", 5, ["x"], None])
def test_invalid_preferred_username_is_not_used(user_from_token, cognito, odd) -> None:
    cognito(USERNAME="preferred_username")
    assert user_from_token(token_use="id", preferred_username=odd).username == "alice"


def test_username_is_set_only_once(user_from_token, cognito) -> None:
    cognito(USERNAME="preferred_username")
    user_from_token(token_use="id", preferred_username="Al")
    assert user_from_token(token_use="id", preferred_username="Bo", at=1).username == "Al"


# USERNAME of a user whose first token does not have the claim


def test_first_token_with_the_claim_replaces_the_placeholder_once(user_from_token, cognito) -> None:
    cognito(USERNAME="email")
    assert user_from_token(at=-10).username == "alice"
    assert user_from_token(token_use="id", at=-5, email="ada@example.com").username == "ada@example.com"
    assert user_from_token(token_use="id", email="new@example.com").username == "ada@example.com"
    assert User.objects.get().username == "ada@example.com"


def test_claim_replaces_the_placeholder_without_other_attributes(user_from_token, cognito) -> None:
    cognito(USERNAME="preferred_username", ATTRIBUTES={})
    user_from_token(at=-10)
    assert user_from_token(token_use="id", preferred_username="Al").username == "Al"


def test_claim_of_another_user_leaves_the_placeholder(user_from_token, cognito, caplog) -> None:
    cognito(USERNAME="preferred_username")
    User.objects.create_user("Al")
    user_from_token(at=-10)
    assert user_from_token(token_use="id", at=-5, preferred_username="Al").username == "alice"
    assert "the value of another user" in caplog.text
    assert user_from_token(token_use="id", preferred_username="Bo").username == "Bo"


def test_name_that_an_admin_set_is_not_replaced(user_from_token, cognito) -> None:
    cognito(USERNAME="preferred_username")
    User.objects.filter(pk=user_from_token(at=-10).pk).update(username="by hand")
    assert user_from_token(token_use="id", preferred_username="Al").username == "by hand"


def test_suffixed_placeholder_is_replaced(user_from_token, cognito) -> None:
    cognito(USERNAME="preferred_username")
    User.objects.create_user("alice")
    assert user_from_token(at=-10).username.startswith("alice-")
    assert user_from_token(token_use="id", preferred_username="Al").username == "Al"


@pytest.mark.parametrize("username", ["username", "sub"])
def test_name_from_a_claim_of_every_token_is_never_replaced(user_from_token, cognito, username: str) -> None:
    cognito(USERNAME=username)
    name = user_from_token(at=-10).username
    cognito(USERNAME="preferred_username")
    assert user_from_token(token_use="id", preferred_username="Al").username == name


def test_mapped_username_field_has_no_placeholder(user_from_token, cognito) -> None:
    cognito(USERNAME="preferred_username", ATTRIBUTES={"username": "nickname"})
    user_from_token(at=-10)
    assert user_from_token(token_use="id", preferred_username="Al", nickname="bo").username == "bo"
    assert link_of(User.objects.get()).placeholder_username == ""


def test_unchanged_token_of_a_named_user_makes_one_query(user_from_token, cognito, django_assert_num_queries) -> None:
    cognito(USERNAME="email")
    user_from_token(at=-10)
    user_from_token(token_use="id", at=-5)
    with django_assert_num_queries(1):
        user_from_token(token_use="id", at=-5)


# Django's own rules


def test_email_is_stored_as_the_manager_normalizes_it(user_from_token) -> None:
    assert user_from_token(token_use="id", email="Alice@EXAMPLE.Com").email == "Alice@example.com"


def test_email_of_a_linked_account_is_stored_normalized(user_from_token, local) -> None:
    assert user_from_token(token_use="id", email="Alice@EXAMPLE.com") == local
    assert User.objects.get().email == "Alice@example.com"


# CREATE_USERS


def test_without_create_users_a_new_user_is_rejected(user_from_token, cognito) -> None:
    cognito(CREATE_USERS=False)
    with pytest.raises(TokenError) as raised:
        user_from_token()
    assert raised.value.code == "user_unknown"
    assert (User.objects.count(), CognitoUser.objects.count()) == (0, 0)


def test_without_create_users_an_existing_user_is_accepted(user_from_token, cognito) -> None:
    user = user_from_token()
    cognito(CREATE_USERS=False)
    assert user_from_token(at=1) == user


@pytest.mark.defends("RP-15")
def test_disabled_account_is_rejected_and_nothing_is_written(
    user_from_token, mapped, django_assert_num_queries
) -> None:
    user = user_from_token("viewers", at=-60)
    User.objects.update(is_active=False)
    with django_assert_num_queries(1), pytest.raises(TokenError) as raised:
        user_from_token("editors", "admins", profile={"given_name": "Al"})
    assert raised.value.code == "user_inactive"
    user.refresh_from_db()
    assert (user.is_staff, user.first_name, django_groups(user)) == (False, "", {"Readers"})


def test_client_token_creates_no_user(cognito_keys) -> None:
    from django_cognito.users.authentication import authenticate

    machine_user, _ = authenticate(token(username=None, sub="1testclient23456789", scope="orders/read"))
    assert isinstance(machine_user, MachineUser)
    assert User.objects.count() == 0


# Linking by verified email


@pytest.fixture
def local(cognito) -> User:
    """Return a local account, on a site that links by verified email."""
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    return User.objects.create_user("local", "Alice@Example.com", "local password")


@pytest.mark.defends("RP-12")
@pytest.mark.parametrize("verified", [True, "true"])
def test_verified_email_links_the_existing_account(user_from_token, local, verified) -> None:
    assert user_from_token(token_use="id", email_verified=verified) == local
    assert User.objects.count() == 1


def test_linked_account_gets_profile_and_groups_and_no_new_username(user_from_token, local, mapped, cognito) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    user_from_token("editors", token_use="id", given_name="Alice")
    local.refresh_from_db()
    assert (local.username, local.first_name, django_groups(local)) == ("local", "Alice", {"Writers", "Readers"})
    assert not local.has_usable_password()


def test_access_token_with_id_token_links_by_email(user_from_token, local) -> None:
    assert user_from_token(profile={}) == local


@pytest.mark.defends("RP-12")
@pytest.mark.parametrize("verified", [False, "false", None, "True", 1, ["true"]])
def test_unverified_email_does_not_link(user_from_token, local, verified) -> None:
    assert user_from_token(token_use="id", email_verified=verified) != local


@pytest.mark.defends("RP-12")
def test_without_link_by_verified_email_nothing_is_linked(user_from_token, cognito) -> None:
    local = User.objects.create_user("local", "alice@example.com")
    assert user_from_token(token_use="id") != local


@pytest.mark.defends("RP-12")
@pytest.mark.parametrize("change", [{"is_staff": True}, {"is_superuser": True}, {"is_active": False}])
def test_staff_superuser_or_disabled_account_is_not_linked(user_from_token, local, change) -> None:
    User.objects.filter(pk=local.pk).update(**change)
    assert user_from_token(token_use="id") != local


def test_email_of_two_accounts_links_neither(user_from_token, local) -> None:
    other = User.objects.create_user("other", "alice@example.com")
    assert user_from_token(token_use="id") not in (local, other)


def test_email_claim_of_an_access_token_does_not_link(user_from_token, local) -> None:
    assert user_from_token(**EMAIL) != local


@pytest.mark.defends("RP-12")
@pytest.mark.parametrize("lookalike", ["al\u0131ce@example.com", "alice@exampl\u0435.com", "ali\u212ae@example.com"])
def test_lookalike_email_does_not_link(user_from_token, cognito, lookalike) -> None:
    # CVE-2019-19844: a database folds more characters than mail does; "\u0131" in capitals is "I".
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = [User.objects.create_user(name, f"{name}@example.com") for name in ("alice", "alike")]
    assert user_from_token(token_use="id", email=lookalike) not in local


def test_non_ascii_email_links_if_it_is_exactly_the_same(user_from_token, cognito) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("local", "\u00e1lice@example.com")
    assert user_from_token(token_use="id", email="\u00e1lice@example.com") == local


def test_verified_email_links_without_create_users(user_from_token, local, cognito) -> None:
    cognito(CREATE_USERS=False)
    assert user_from_token(token_use="id") == local


# Invalid profile claims


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (None, ""),
        ("a\0b", ""),
        (["A"], ""),
        ({"a": "b"}, ""),
        ("x" * 200, "x" * 150),
        ("\u5bff\u9650\u7121 \U0001f407", "\u5bff\u9650\u7121 \U0001f407"),
    ],
)
def test_claim_is_written_to_its_field_if_valid(user_from_token, claim, expected) -> None:
    user = user_from_token(token_use="id", given_name=claim)
    user.refresh_from_db()
    assert user.first_name == expected


@pytest.mark.parametrize("email", ["no address", "a" * 250 + "@example.com", ["alice@example.com"], 7])
def test_invalid_email_is_not_written_and_not_logged(user_from_token, caplog, email) -> None:
    user_from_token(token_use="id", at=-1)
    with caplog.at_level(logging.WARNING, "django_cognito"):
        user = user_from_token(token_use="id", email=email)
    assert user.email == "alice@example.com"
    logged = " ".join(caplog.messages)  # `caplog.text` has line numbers, in which a digit may occur
    assert "email" in logged
    assert str(email) not in logged


def test_empty_claim_empties_its_field(user_from_token) -> None:
    user_from_token(token_use="id", given_name="Alice", at=-1)
    assert user_from_token(token_use="id", given_name="").first_name == ""


def test_claim_of_the_wrong_type_is_left_out(user_from_token, cognito) -> None:
    cognito(ATTRIBUTES={"date_joined": "custom:joined", "first_name": "given_name"})
    user = user_from_token(token_use="id", given_name="Alice", **{"custom:joined": "yesterday"})
    assert user.first_name == "Alice"
    assert user.date_joined is not None


def test_unique_value_of_another_user_is_not_written(user_from_token, cognito, caplog) -> None:
    cognito(ATTRIBUTES={"username": "nickname"})
    User.objects.create_user("al")
    assert user_from_token(token_use="id", nickname="bo", at=-1).username == "bo"
    assert user_from_token(token_use="id", nickname="al").username == "bo"
    assert "username" in caplog.text


def test_mapped_username_is_not_overwritten_by_cognito_username(user_from_token, cognito) -> None:
    cognito(ATTRIBUTES={"username": "nickname"})
    assert user_from_token(token_use="id", nickname="bo").username == "bo"


def test_group_name_over_128_characters_is_left_out(user_from_token, cognito) -> None:
    cognito(MIRROR_GROUPS=True)
    assert django_groups(user_from_token("x" * 129, "y" * 128, "y" * 128)) == {"y" * 128}


# One transaction


@pytest.mark.django_db(transaction=True)
def test_error_during_a_first_token_rolls_everything_back(user_from_token, mapped, failing_on) -> None:
    failing_on("Writers")
    with pytest.raises(RuntimeError):
        user_from_token("editors")
    assert not any(model.objects.exists() for model in (get_user_model(), CognitoUser, CognitoMembership))


@pytest.mark.django_db(transaction=True)
def test_error_during_a_change_rolls_everything_back(user_from_token, mapped, failing_on) -> None:
    user_from_token("viewers", at=-60)
    failing_on("Writers")
    with pytest.raises(RuntimeError):
        user_from_token("admins", "editors", given_name="Al")
    user = User.objects.get()
    assert (user.is_staff, django_groups(user), link_of(user).groups) == (False, {"Readers"}, ["viewers"])
    assert list(CognitoMembership.objects.values_list("name", flat=True)) == ["viewers"]


@pytest.mark.django_db(transaction=True)
def test_permanent_integrity_error_is_raised_after_three_attempts(user_from_token) -> None:
    attempts = []

    def fail(**_: Any) -> None:
        attempts.append(1)
        raise IntegrityError("a constraint of the site")

    post_save.connect(fail, sender=User)
    try:
        with pytest.raises(IntegrityError):
            user_from_token()
    finally:
        post_save.disconnect(fail, sender=User)
    assert len(attempts) == 3
    assert not User.objects.exists()


def _other_pool(sub: str) -> Any:
    from django_cognito.core import AccessToken
    from django_cognito.core.tokens.token import read_unverified
    from django_cognito.users.attributes.claim_sources import claims_from_tokens

    claims = read_unverified(token())
    return claims_from_tokens(AccessToken("eu-west-1_Other", claims), None, get_settings())._replace(sub=sub)
