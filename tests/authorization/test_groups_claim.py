"""GROUPS_CLAIM names a claim of ID tokens, as for the groups of a company's directory.

Access tokens do not have the claim; an older ID token restores nothing.
"""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

from django_cognito.authorization.rights import get_rights
from django_cognito.models import CognitoMembership, CognitoUser
from tests.support.callers import with_id_token
from tests.support.scenarios.users import GROUPS, django_groups, link_of, token

CLAIM = "custom:groups"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("groups_claim_setting")]


@pytest.fixture
def groups_claim_setting(cognito: Any) -> None:
    """Configure a site whose groups are in a custom attribute."""
    cognito(GROUPS=GROUPS, GROUPS_CLAIM=CLAIM)


def claim_of(*names: str) -> dict[str, str]:
    """Return the claim with these groups as Cognito writes it, or no claim if there are none."""
    return {CLAIM: f"[{','.join(names)}]"} if names else {}


def state_of(user: Any) -> tuple[bool, set[str], tuple[str, ...], bool]:
    """Return the grants: staff, Django groups, Cognito groups, a permission."""
    user.refresh_from_db()
    return user.is_staff, django_groups(user), get_rights(user).groups, user.has_perm("auth.change_group")


NO_GRANTS: Any = (False, set(), (), False)
ALL_GRANTS: Any = (True, {"Writers", "Readers"}, ("editors", "helpers"), True)
BOTH = claim_of("editors", "helpers")


# Tokens with and without the claim


def test_access_token_before_any_login_grants_nothing(user_from_token) -> None:
    assert state_of(user_from_token("editors", "admins")) == NO_GRANTS
    assert not CognitoMembership.objects.exists()


def test_id_token_after_a_newer_access_token_is_applied(user_from_token) -> None:
    for at in (0, -60):
        CognitoUser.objects.all().delete()
        User.objects.all().delete()
        user_from_token()
        assert state_of(user_from_token(at=at, token_use="id", **BOTH)) == ALL_GRANTS


def test_login_grants_the_groups_of_its_id_token(user_from_token) -> None:
    assert state_of(user_from_token(profile=BOTH)) == ALL_GRANTS
    assert set(CognitoMembership.objects.values_list("name", flat=True)) == {"editors", "helpers"}


@pytest.mark.parametrize("at", [-60, -30, 0], ids=["earlier", "same second", "later"])
@pytest.mark.parametrize("groups", [(), ("viewers", "admins")], ids=["no cognito:groups", "cognito:groups"])
def test_access_token_does_not_change_groups_of_the_id_token(user_from_token, at, groups) -> None:
    user_from_token(at=-30, profile=BOTH)
    assert state_of(user_from_token(*groups, at=at)) == ALL_GRANTS


def test_cognito_groups_claim_grants_nothing_with_another_claim(user_from_token) -> None:
    assert state_of(user_from_token("editors", "helpers", token_use="id")) == NO_GRANTS
    assert state_of(user_from_token("editors", "helpers", profile={})) == NO_GRANTS


# Removed groups


@pytest.mark.parametrize(
    "empty_claim", [{}, {CLAIM: ""}, {CLAIM: "[]"}, {CLAIM: None}, {CLAIM: 5}, {CLAIM: {"a": "editors"}}]
)
def test_id_token_without_a_claim_value_removes_all_groups(user_from_token, empty_claim) -> None:
    user_from_token(at=-60, profile=BOTH)
    assert state_of(user_from_token(at=-30, token_use="id", **empty_claim)) == NO_GRANTS
    assert state_of(user_from_token()) == NO_GRANTS
    assert not CognitoMembership.objects.exists()


@pytest.mark.parametrize("at", [-60, -30, 0], ids=["earlier", "same second", "later"])
def test_access_token_does_not_restore_removed_groups(user_from_token, at) -> None:
    user_from_token(at=-60, profile=BOTH)
    user_from_token(at=-30, token_use="id")
    assert state_of(user_from_token(at=at)) == NO_GRANTS


def test_older_id_token_restores_nothing(user_from_token, writes) -> None:
    user_from_token(at=-60, profile=BOTH)
    user_from_token(at=-30, token_use="id")
    with writes(0):
        assert state_of(user_from_token(at=-60, token_use="id", **BOTH)) == NO_GRANTS
    assert state_of(user_from_token(at=0, profile={**BOTH, "at": -60})) == NO_GRANTS


def test_id_token_of_an_equal_moment_only_removes_groups(user_from_token) -> None:
    user_from_token(token_use="id", **claim_of("editors"))
    assert state_of(user_from_token(token_use="id", **BOTH))[2] == ("editors",)
    assert state_of(user_from_token(token_use="id")) == NO_GRANTS
    assert state_of(user_from_token(token_use="id", **BOTH)) == NO_GRANTS


def test_groups_are_of_the_newest_id_token_in_any_order(user_from_token) -> None:
    user_from_token(at=-60, token_use="id", **BOTH)
    user_from_token(at=-30, token_use="id", **claim_of("viewers"))
    user_from_token(at=-45, token_use="id", **claim_of("admins"))
    assert state_of(user_from_token()) == (False, {"Readers"}, ("viewers",), False)


def test_local_flag_is_not_revoked(user_from_token) -> None:
    user = user_from_token(at=-60)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user_from_token(at=-30, profile=BOTH)
    assert state_of(user_from_token(token_use="id")) == (True, set(), (), False)


# Repeated tokens


def test_alternating_newer_tokens_make_one_update_per_id_token(
    user_from_token, writes, django_assert_num_queries
) -> None:
    user_from_token(at=-60, profile=BOTH)
    # The first ID token alone proves fewer scopes than one with its access token: the row is locked and compared.
    for at, updates, queries in ((-60, 0, 3), (-30, 1, 7), (0, 1, 4)):
        with writes(updates), django_assert_num_queries(queries):
            user_from_token(at=at)
            user_from_token(at=at, token_use="id", **BOTH)
            user_from_token(at=at, profile=BOTH)


def test_access_token_without_the_claim_writes_nothing_after_a_change(user_from_token, writes) -> None:
    user_from_token(at=-60, profile=BOTH)
    user_from_token(at=-30, token_use="id")
    with writes(0):
        for _ in range(2):
            for at in (-60, -30, 0):
                user_from_token(at=at)
            user_from_token(at=-30, token_use="id")


def test_attributes_of_access_tokens_without_the_claim_are_ignored(user_from_token, writes, cognito) -> None:
    """They do not update `as_of`, so the newer of two is unknown and their attributes are not applied."""
    cognito(ATTRIBUTES={"first_name": "given_name"})
    user_from_token(at=-60, profile={**BOTH, "given_name": "Alice"})
    user_from_token(at=0, given_name="New")
    with writes(0):
        for _ in range(2):
            user_from_token(at=-30, given_name="Old")
            user_from_token(at=0, given_name="New")
    assert User.objects.get().first_name == "Alice"


def test_access_token_with_the_claim_is_applied_fully(user_from_token, writes, cognito) -> None:
    cognito(ATTRIBUTES={"first_name": "given_name"})
    user_from_token(at=-60, given_name="Old", **BOTH)
    assert state_of(user_from_token(at=-30, given_name="New", **claim_of("viewers"))) == (
        False,
        {"Readers"},
        ("viewers",),
        False,
    )
    with writes(0):
        user_from_token(at=-60, given_name="Old", **BOTH)
        user_from_token(at=-30, given_name="New", **claim_of("viewers"))
    assert User.objects.get().first_name == "New"


@pytest.mark.urls("tests.support.entry_point_views")
@pytest.mark.parametrize("client", [Client(), AsyncClient()], ids=["sync", "async"])
def test_api_request_has_the_groups_with_and_without_id_token(
    user_from_token, writes, client, django_assert_num_queries
) -> None:
    user_from_token(profile=BOTH)
    raw, id_token = token("admins"), token(token_use="id", **BOTH)
    get = async_to_sync(client.get) if isinstance(client, AsyncClient) else client.get
    for headers in ({"authorization": f"Bearer {raw}"}, with_id_token(raw, id_token)):
        with django_assert_num_queries(1), writes(0):
            assert get("/cognito/", headers=headers).json()["groups"] == ["editors", "helpers"]
        assert get("/edit/", headers=headers).status_code == 200


@pytest.mark.urls("tests.support.entry_point_views")
def test_id_token_header_grants_and_removes_groups(user_from_token, client) -> None:
    for at, claims, status in ((-60, {}, 403), (-30, BOTH, 200), (-60, {}, 200), (0, {}, 403), (-30, BOTH, 403)):
        headers = with_id_token(token(at=0), token(token_use="id", at=at, **claims))
        assert client.get("/edit/", headers=headers).status_code == status, at


@pytest.mark.urls("tests.support.entry_point_views")
def test_session_has_the_groups_of_its_id_token(cognito_sign_in, client) -> None:
    cognito_sign_in(**BOTH)
    assert client.get("/cognito/").json()["groups"] == ["editors", "helpers"]
    assert client.get("/may/").content == b"True"


@pytest.mark.django_db(transaction=True)
def test_cached_user_is_read_again_after_an_id_token_removes_groups(user_from_token, cognito) -> None:
    cognito(GROUPS=GROUPS, GROUPS_CLAIM=CLAIM, USER_CACHE_SECONDS=3_600)
    user_from_token(at=-60, profile=BOTH)
    assert state_of(user_from_token(jti="cached")) == state_of(user_from_token(jti="cached")) == ALL_GRANTS
    user_from_token(token_use="id")
    assert state_of(user_from_token(jti="cached")) == NO_GRANTS


# Change of GROUPS_CLAIM


def test_change_to_a_custom_claim_applies_with_the_next_id_token(user_from_token, cognito, writes) -> None:
    cognito(GROUPS_CLAIM="cognito:groups")
    user_from_token("editors", "helpers", at=-60)
    cognito(GROUPS_CLAIM=CLAIM)
    assert state_of(user_from_token(at=-30)) == ALL_GRANTS
    with writes(0):
        user_from_token("viewers", at=-30)
    assert state_of(user_from_token(token_use="id", **claim_of("viewers"))) == (False, {"Readers"}, ("viewers",), False)


@pytest.mark.parametrize("at", [-60, -30], ids=["same second", "later"])
def test_change_to_cognito_groups_applies_with_the_next_token(user_from_token, cognito, at) -> None:
    user_from_token(at=-60, profile=BOTH)
    cognito(GROUPS_CLAIM="cognito:groups")
    assert state_of(user_from_token(at=at)) == NO_GRANTS
    assert state_of(user_from_token("viewers")) == (False, {"Readers"}, ("viewers",), False)


def test_change_between_custom_claims_needs_emptied_rows(user_from_token, cognito) -> None:
    """The groups of the old claim stay remembered until they are emptied, see docs/groups.md."""
    user_from_token(at=-60, profile=BOTH)
    cognito(GROUPS_CLAIM="custom:other")
    CognitoUser.objects.update(groups=[])
    assert state_of(user_from_token(at=-30)) == NO_GRANTS
    assert state_of(user_from_token(at=-30, token_use="id", **{"custom:other": "editors"}))[2] == ("editors",)


def test_repeated_token_after_a_changed_claim_writes_only_its_digest(user_from_token, cognito, writes) -> None:
    user_from_token(profile=BOTH)
    for claim in ("custom:other", CLAIM):
        cognito(GROUPS_CLAIM=claim)
        with writes(1):
            user_from_token()
        with writes(0):
            user_from_token()
    assert link_of(User.objects.get()).groups == ["editors", "helpers"]
