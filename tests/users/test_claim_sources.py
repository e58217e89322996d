"""The claims of tokens and of the directory in one form, and their changes against a link row."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from django_cognito.conf.schema import CognitoSettings, GroupGrant
from django_cognito.core import AccessToken, IdToken
from django_cognito.core.directory import DirectoryUser
from django_cognito.models import CognitoUser
from django_cognito.users.attributes.claim_sources import claims_from_directory, claims_from_tokens
from django_cognito.users.attributes.user_changes import changes_from

POOL = "eu-west-1_Pool"
THEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SITE = CognitoSettings(user_pool_id=POOL, client_id="c")


def access(at: int = 0, **claims: Any) -> AccessToken:
    """Return an access token issued `at` seconds after THEN."""
    return AccessToken(POOL, {"sub": "s", "username": "alice", "iat": THEN.timestamp() + at, **claims})


def identity(at: int = 0, **claims: Any) -> IdToken:
    """Return an ID token issued `at` seconds after THEN."""
    return IdToken(POOL, {"sub": "s", "cognito:username": "alice", "iat": THEN.timestamp() + at, **claims})


def directory_user(**attributes: str) -> DirectoryUser:
    """Return a user of the pool's directory."""
    return DirectoryUser("s", "alice", {"sub": "s", **attributes}, True, "CONFIRMED", THEN, THEN)


def link(at: float = -60, groups: tuple[str, ...] = (), **digests: str) -> CognitoUser:
    """Return a link row whose `as_of` is `at` seconds from THEN."""
    return CognitoUser(as_of=THEN + timedelta(seconds=at), groups=list(groups), **digests)


def test_repr_of_the_claims_has_no_claim() -> None:
    claims = claims_from_tokens(identity(email="a@example.com", **{"custom:idp_token": "secret"}), None, SITE)
    assert claims.claims["custom:idp_token"] == "secret"
    assert "secret" not in repr(claims)
    assert "a@example.com" not in repr(claims)


def test_claims_of_the_id_token_replace_those_of_the_access_token() -> None:
    both = claims_from_tokens(access(nickname="a", scope="openid"), identity(nickname="b\0", locale="de"), SITE)
    assert (both.claims["scope"], both.claims["locale"]) == ("openid", "de")
    assert "nickname" not in both.claims  # it contains NUL


def test_claims_are_plain_copies() -> None:
    token = identity(identities=[{"providerName": "Google"}])
    first, second = (claims_from_tokens(token, None, SITE).claims for _ in range(2))
    first["identities"].append({})
    assert second["identities"] == [{"providerName": "Google"}]


def test_access_token_is_one_source_with_moment_and_groups() -> None:
    claims = claims_from_tokens(access(**{"cognito:groups": ["a", "b"]}), None, SITE)
    assert (claims.user_pool_id, claims.sub, claims.username) == (POOL, "s", "alice")
    (source,) = claims.sources
    assert (source.digest_field, source.moment, source.groups) == ("access_digest", THEN, ("a", "b"))


def test_attributes_are_mapped_claims_with_a_value() -> None:
    claims = claims_from_tokens(identity(email="a@example.com", given_name=None, phone_number="+1"), None, SITE)
    assert claims.sources[0].attributes == {"email": "a@example.com"}


def test_access_token_and_id_token_are_two_sources() -> None:
    claims = claims_from_tokens(access(), identity(email="a@example.com", email_verified=True), SITE)
    assert [source.digest_field for source in claims.sources] == ["access_digest", "id_digest"]
    assert claims.verified_email == "a@example.com"


def test_id_token_with_another_id_token_is_one_source() -> None:
    claims = claims_from_tokens(identity(email="a@example.com"), identity(email="b@example.com"), SITE)
    assert [source.attributes for source in claims.sources] == [{"email": "a@example.com"}]


@pytest.mark.parametrize("verified", [{}, {"email_verified": False}, {"email_verified": "false"}, {"email": None}])
def test_unverified_email_of_a_token_is_not_verified_email(verified) -> None:
    claims = {"email": "a@example.com", **verified}
    assert claims_from_tokens(identity(**claims), None, SITE).verified_email == ""
    assert claims_from_tokens(access(email="a@example.com", email_verified=True), None, SITE).verified_email == ""


def test_directory_user_is_one_source_with_string_attributes() -> None:
    moment = THEN.replace(microsecond=999_999)
    claims = claims_from_directory(directory_user(email="a@example.com", email_verified="true"), ["a"], moment, SITE)
    (source,) = claims.sources
    assert (source.digest_field, source.moment, source.groups) == ("directory_digest", THEN, ("a",))
    assert source.attributes == {"email": "a@example.com", "first_name": None, "last_name": None}
    assert (claims.user_pool_id, claims.verified_email) == (POOL, "a@example.com")


@pytest.mark.parametrize("verified", [{}, {"email_verified": "false"}, {"email_verified": "True"}])
def test_unverified_email_of_the_directory_is_not_verified_email(verified) -> None:
    assert claims_from_directory(directory_user(email="a@example.com", **verified), [], THEN, SITE).verified_email == ""


def test_directory_groups_come_from_the_groups_claim() -> None:
    custom = CognitoSettings(user_pool_id=POOL, client_id="c", groups_claim="custom:groups")
    for attributes, expected in (
        ({"custom:groups": "[Field+staff,b]"}, ("Field staff", "b")),
        ({"custom:groups": ""}, ()),
        ({}, ()),
        ({"custom:groups": "x" * 129}, ()),
    ):
        claims = claims_from_directory(directory_user(**attributes), ["admins"], THEN, custom)
        assert claims.sources[0].groups == expected


# Changes


def test_same_claims_again_are_no_change() -> None:
    claims = claims_from_tokens(access(), identity(email="a@example.com"), SITE)
    changes = changes_from(claims, link(), SITE)
    assert changes is not None
    assert changes_from(claims, link(at=0, **changes.digests), SITE) is None


def test_newer_token_with_equal_groups_changes_moments_only() -> None:
    before = changes_from(claims_from_tokens(access(), identity(email="a@example.com"), SITE), link(), SITE)
    assert before is not None
    later = claims_from_tokens(access(5), identity(5, email="a@example.com"), SITE)
    changes = changes_from(later, link(at=0, **before.digests), SITE)
    assert changes is not None
    assert changes.is_moments_only
    assert changes.moment == THEN + timedelta(seconds=5)
    assert all(digest.startswith(f"{THEN.timestamp() + 5:.0f}:") for digest in changes.digests.values())


def test_older_source_is_no_change() -> None:
    assert changes_from(claims_from_tokens(access(-61), identity(-61), SITE), link(), SITE) is None


def test_groups_are_of_the_latest_source_or_the_intersection() -> None:
    groups = {"cognito:groups": ["id", "both"]}
    for at, expected in ((-1, ("access", "both")), (0, ("both",)), (1, ("id", "both"))):
        token = access(**{"cognito:groups": ["access", "both"]})
        changes = changes_from(claims_from_tokens(token, identity(at, **groups), SITE), link(), SITE)
        assert changes is not None
        assert (changes.groups, changes.moment) == (expected, THEN + timedelta(seconds=max(at, 0)))


def test_group_of_only_the_id_token_is_not_added_at_equal_moments() -> None:
    token = access(**{"cognito:groups": ["a"]})
    before = changes_from(claims_from_tokens(token, None, SITE), link(), SITE)
    assert before is not None
    changes = changes_from(
        claims_from_tokens(token, identity(**{"cognito:groups": ["a", "b"]}), SITE), link(**before.digests), SITE
    )
    assert changes is not None
    assert changes.groups == ("a",)


def test_groups_in_another_order_change_nothing() -> None:
    changes = changes_from(claims_from_tokens(access(**{"cognito:groups": ["a", "b"]}), None, SITE), link(), SITE)
    assert changes is not None
    same_claims = claims_from_tokens(access(**{"cognito:groups": ["b", "a"]}), None, SITE)
    assert changes_from(same_claims, link(0, ("a", "b"), **changes.digests), SITE) is None
    later = changes_from(
        claims_from_tokens(access(1, **{"cognito:groups": ["b", "a"]}), None, SITE), link(0, ("a", "b")), SITE
    )
    assert later is not None
    assert later.groups == ("a", "b")


def test_attributes_are_of_the_latest_source() -> None:
    for at, expected in ((-1, "access@example.com"), (0, "id@example.com"), (1, "id@example.com")):
        claims = claims_from_tokens(access(email="access@example.com"), identity(at, email="id@example.com"), SITE)
        changes = changes_from(claims, link(), SITE)
        assert changes is not None
        assert changes.attributes == {"email": expected}


def test_equal_moment_intersects_groups_with_stored_groups() -> None:
    changes = changes_from(
        claims_from_tokens(access(**{"cognito:groups": ["a", "b"]}), None, SITE), link(0, ("b", "c")), SITE
    )
    assert changes is not None
    assert changes.groups == ("b",)


def test_group_left_out_at_an_equal_moment_is_added_later() -> None:
    both = claims_from_tokens(access(**{"cognito:groups": ["a", "b"]}), None, SITE)
    on_a_tie = changes_from(both, link(0, ("b",)), SITE)
    assert on_a_tie is not None
    later = changes_from(
        claims_from_tokens(access(1, **{"cognito:groups": ["a", "b"]}), None, SITE), link(0, ("b",)), SITE
    )
    assert later is not None
    assert (later.groups, later.are_grants_due) == (("a", "b"), True)


@pytest.mark.parametrize(
    ("changed", "is_change"),
    [
        ({"mirror_groups": True}, True),
        ({"attributes": {"email": "email"}}, True),
        ({"groups": {"a": GroupGrant(("x",))}}, True),
        ({"groups": {"a": GroupGrant(staff=True)}}, True),
        ({"leeway_seconds": 1}, False),
        ({"create_users": False}, False),
        ({"username": "email"}, False),
    ],
)
def test_changed_mapping_is_a_change_and_other_settings_are_not(changed, is_change) -> None:
    claims = claims_from_tokens(access(), None, SITE)
    changes = changes_from(claims, link(), SITE)
    assert changes is not None
    other = CognitoSettings(user_pool_id=POOL, client_id="c", **changed)
    assert (changes_from(claims, link(at=0, **changes.digests), other) is not None) is is_change


def test_changed_permissions_of_a_group_are_no_change() -> None:
    sites = [
        CognitoSettings(user_pool_id=POOL, client_id="c", groups={"a": GroupGrant(permissions=frozenset({name}))})
        for name in ("x.y", "x.z")
    ]
    claims = claims_from_tokens(access(), None, SITE)
    changes = changes_from(claims, link(), sites[0])
    assert changes is not None
    assert changes_from(claims, link(at=0, **changes.digests), sites[1]) is None
