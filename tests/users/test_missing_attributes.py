"""An attribute that was removed in Cognito clears its field if the source is complete and a claim had set the field."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import TestCase

from django_cognito.conf.loading import get_settings
from django_cognito.core import AccessToken, IdToken
from django_cognito.models import CognitoUser
from django_cognito.signals import user_synced
from django_cognito.users.attributes.claim_sources import claims_from_tokens
from django_cognito.users.authentication import get_or_create_user, verify
from django_cognito.users.writing import bulk_provisioning
from django_cognito.users.writing.provisioning import get_or_create_link
from tests.support.scenarios.users import directory_claims, link, link_of, token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]
NAMES = {"given_name": "Ada", "family_name": "Byron"}
API = "aws.cognito.signin.user.admin"


def names_of(user: User) -> tuple[str, str]:
    user.refresh_from_db()
    return user.first_name, user.last_name


def write_tokens(at: int, **profile: Any) -> None:
    access, id_token = verify(token(at=at), id_token=token(token_use="id", at=at, **profile))
    get_or_create_user(access, id_token)


def write_id_token(at: int, **profile: Any) -> None:
    get_or_create_user(*verify(token(token_use="id", at=at, **profile), token_use="id"))


def write_user_info(at: int, **profile: Any) -> None:
    access, id_token = verify(token(at=at), id_token=token(token_use="id", at=at))
    get_or_create_user(access, id_token, {"email": "alice@example.com", **profile})


def write_directory(at: int, **profile: Any) -> None:
    get_or_create_link(directory_claims(at=at, **profile), get_settings())


def write_page(at: int, **profile: Any) -> None:
    page = [directory_claims(at=at, username=name, **profile) for name in ("alice", "bob")]
    bulk_provisioning.update_users(page, create=True)


SOURCES = {
    "access token and ID token": write_tokens,
    "ID token": write_id_token,
    "userInfo": write_user_info,
    "directory": write_directory,
    "page of the directory": write_page,
}


@pytest.fixture(params=SOURCES)
def write(request: pytest.FixtureRequest, cognito: Any) -> Any:
    """`write(at, given_name="Ada")`: claims of alice from one kind of source."""
    if request.param == "userInfo":
        cognito(PROFILE_SOURCE="userinfo")
    return SOURCES[request.param]


def alice() -> User:
    return User.objects.get(username="alice")


def test_removed_attribute_clears_its_field(write, writes) -> None:
    write(-100, **NAMES)
    write(-50, given_name="Ada")
    assert names_of(alice()) == ("Ada", "")
    assert "last_name" not in link_of(alice()).claim_fields
    with writes(1):  # `as_of` only
        write(-40, given_name="Ada")
    write(-30, **NAMES)
    assert names_of(alice()) == ("Ada", "Byron")


def test_missing_attribute_of_the_setting_stays(write, cognito) -> None:
    cognito(KEEP_MISSING_ATTRIBUTES=["last_name"])
    write(-100, **NAMES)
    write(-50, locale="en")
    assert names_of(alice()) == ("", "Byron")


def test_empty_string_is_a_missing_attribute(write, cognito) -> None:
    cognito(KEEP_MISSING_ATTRIBUTES=["last_name"])
    write(-100, **NAMES)
    write(-50, given_name="", family_name="", locale="en")
    assert names_of(alice()) == ("", "Byron")


def test_value_that_no_claim_set_stays(write) -> None:
    write(-100)
    User.objects.update(last_name="of the site")
    write(-50, given_name="Ada")
    write(-40, locale="en")
    assert names_of(alice()) == ("", "of the site")


def test_removed_attribute_is_reported_as_a_change(user_from_token) -> None:
    user_from_token(profile=NAMES, at=-60)
    received: list[Any] = []
    receive = lambda changes, **_: received.append(changes)  # noqa: E731
    user_synced.connect(receive)
    with TestCase.captureOnCommitCallbacks(execute=True):
        user_from_token(profile={"given_name": "Ada"})
    user_synced.disconnect(receive)
    assert received == [{"last_name": ("Byron", "")}]


@pytest.mark.parametrize("names", [["last_name"], []])
def test_changed_setting_is_applied_with_the_same_token(user_from_token, cognito, names) -> None:
    cognito(KEEP_MISSING_ATTRIBUTES=names)
    user_from_token(profile=NAMES, at=-60)
    user_from_token(profile={"given_name": "Ada"}, at=-30)
    cognito(KEEP_MISSING_ATTRIBUTES=[] if names else ["last_name"])
    assert names_of(user_from_token(profile={"given_name": "Ada"}, at=-30)) == ("Ada", "")


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("openid", ("", "")),
        ("openid email profile", ("", "")),
        (API, ("", "")),
        (f"{API} notes/read", ("", "")),
        (f"openid email {API}", ("Ada", "Byron")),
        ("openid email", ("Ada", "Byron")),
        ("notes/read", ("Ada", "Byron")),
    ],
)
def test_id_token_is_complete_for_the_scopes_of_its_access_token(user_from_token, scope, expected) -> None:
    user_from_token(profile=NAMES, at=-60)
    assert names_of(user_from_token(profile={}, scope=scope)) == expected


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        pytest.param({}, ("Ada", "Byron"), id="none of profile"),
        pytest.param({"locale": "en"}, ("", ""), id="standard claim"),
        pytest.param({"family_name": "King"}, ("", "King"), id="mapped claim"),
        pytest.param({"family_name": ""}, ("", ""), id="empty claim"),
        pytest.param({"phone_number": "+1", "address": {"locality": "Bath"}}, ("Ada", "Byron"), id="other scopes"),
        pytest.param({"custom:plan": "gold"}, ("Ada", "Byron"), id="claim that a trigger may have added"),
    ],
)
@pytest.mark.parametrize("client_id", [None, "mobile"], ids=["this client", "another client"])
def test_id_token_alone_is_complete_for_scopes_that_it_proves(
    user_from_token, cognito, client_id, claims, expected
) -> None:
    """The user chooses the scopes of a sign-in: the authorization request is a URL in the user's browser."""
    cognito(CLIENT_IDS=[get_settings().client_id, "mobile"])
    aud = {} if client_id is None else {"aud": client_id}
    user_from_token(token_use="id", at=-60, **aud, **NAMES)
    assert names_of(user_from_token(token_use="id", at=-50, **aud, **claims)) == expected


def test_email_is_cleared_only_by_a_claim_of_its_scope(user_from_token) -> None:
    user = user_from_token(token_use="id", at=-60, **NAMES)
    without = {"email": None, "email_verified": None}
    assert user_from_token(token_use="id", at=-50, **NAMES, **without).email == "alice@example.com"
    assert user_from_token(token_use="id", at=-40, **NAMES, email=None, email_verified=False).email == ""
    assert names_of(user) == ("Ada", "Byron")


@pytest.mark.parametrize("proof", [{}, {"origin_jti": "one"}, {"at_hash": "x"}], ids=lambda proof: "".join(proof))
def test_scopes_of_an_access_token_count_only_for_its_own_id_token(proof) -> None:
    """Without `origin_jti` (token revocation is off) and `at_hash`, the tokens may be of two sign-ins of the user."""
    access, id_token = AccessToken("pool", {"scope": "openid", "iat": 9, "sub": "s", "username": "a"}), {"iat": 9}
    profile = IdToken("pool", {**id_token, **proof, "sub": "s", "cognito:username": "a"})
    source = claims_from_tokens(access, profile, get_settings()).sources[1]
    assert source.attributes == ({"email": None, "first_name": None, "last_name": None} if proof else {})


def test_access_token_clears_nothing(user_from_token) -> None:
    user_from_token(at=-60, token_use="id", **NAMES)
    user_from_token(at=-50, given_name="Augusta")  # added by a trigger
    assert names_of(user_from_token(at=-40)) == ("Augusta", "Byron")


def test_claim_of_the_access_token_is_not_missing_in_the_id_token(user_from_token) -> None:
    user_from_token(at=-60, profile={}, **NAMES)
    assert names_of(user_from_token(at=-50, profile={}, **NAMES)) == ("Ada", "Byron")


def test_claim_that_only_a_trigger_adds_is_not_missing(user_from_token, cognito) -> None:
    cognito(ATTRIBUTES={"first_name": "plan"})
    user_from_token(at=-60, profile={"plan": "gold"})
    write_directory(-50)
    assert names_of(user_from_token(at=-40, profile={}))[0] == "gold"


def test_second_account_clears_nothing_of_the_first(user_from_token) -> None:
    user = user_from_token(at=-60, profile=NAMES)
    link(user, "apple")
    user_from_token(at=-50, username="apple", profile={})
    assert names_of(user) == ("Ada", "Byron")


def test_value_of_an_admin_is_replaced_when_another_claim_changes(user_from_token) -> None:
    user = user_from_token(at=-60, profile=NAMES)
    User.objects.filter(pk=user.pk).update(first_name="Joan")
    assert names_of(user_from_token(at=-50, profile=NAMES))[0] == "Joan"
    assert names_of(user_from_token(at=-40, profile={**NAMES, "family_name": "King"})) == ("Ada", "King")
    assert names_of(user_from_token(at=-30, profile={})) == ("", "")


def test_values_of_a_removed_account_stay(user_from_token) -> None:
    """Also those that the other account had too, and has lost before."""
    user = user_from_token(at=-60, profile=NAMES)
    link(user, "apple")
    user_from_token(at=-50, username="apple", profile=NAMES)
    user_from_token(at=-40, profile={})
    CognitoUser.objects.get(username="apple").delete()
    user_from_token(at=-30, profile={"email": "new@example.com"})
    assert names_of(user) == ("Ada", "Byron")


def test_link_that_moves_clears_nothing_of_its_new_user(user_from_token) -> None:
    row = link_of(user_from_token(at=-60, profile=NAMES))
    row.user = User.objects.create(username="local", first_name="Joan", last_name=NAMES["family_name"])
    row.save()
    user_from_token(at=-50, profile={})
    assert names_of(User.objects.get(username="local")) == ("Joan", "Byron")


def test_removed_email_stays_protected_against_an_unverified_one(user_from_token) -> None:
    user_from_token(at=-60, profile={})
    user = user_from_token(at=-50, profile={"email": None, "email_verified": None})
    assert user.email == ""
    victim = {"email": "boss@example.com", "email_verified": False}
    assert user_from_token(at=-40, profile=victim).email == ""
    assert user_from_token(at=-30, profile={**victim, "email_verified": True}).email == "boss@example.com"


def test_upgraded_row_is_cleared_after_one_complete_token(user_from_token) -> None:
    user_from_token(at=-60, profile=NAMES)
    CognitoUser.objects.update(claim_fields=[], id_digest="0" * 64, as_of=datetime(2020, 1, 1, tzinfo=UTC))
    user_from_token(at=-50, profile=NAMES)
    assert names_of(user_from_token(at=-40, profile={})) == ("", "")


@pytest.mark.parametrize("write_older", [write_directory, write_page])
def test_older_page_does_not_set_what_a_later_token_lacks(write_older) -> None:
    write_tokens(-20, email=None)  # complete: the user has no attribute at all
    write_older(-60, **NAMES)
    assert names_of(alice()) == ("", "")
    write_older(-10, **NAMES)
    assert names_of(alice()) == ("Ada", "Byron")
