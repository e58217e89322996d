"""What tokens and the directory say, in one shape, and what of it is new to a link row."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from django_cognito.conf.schema import CognitoSettings, GroupGrant
from django_cognito.core import AccessToken, IdToken
from django_cognito.core.directory import DirectoryUser
from django_cognito.models import CognitoUser
from django_cognito.users.claim_sources import changes_from, claims_from_directory, claims_from_tokens

POOL = "eu-west-1_Pool"
THEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SITE = CognitoSettings(user_pool_id=POOL, client_id="c")


def access(at: int = 0, **claims: Any) -> AccessToken:
    """An access token issued `at` seconds after THEN."""
    return AccessToken(POOL, {"sub": "s", "username": "alice", "iat": THEN.timestamp() + at, **claims})


def identity(at: int = 0, **claims: Any) -> IdToken:
    """An ID token issued `at` seconds after THEN."""
    return IdToken(POOL, {"sub": "s", "cognito:username": "alice", "iat": THEN.timestamp() + at, **claims})


def person(**attributes: str) -> DirectoryUser:
    """A user of the pool's directory."""
    return DirectoryUser("s", "alice", {"sub": "s", **attributes}, True, "CONFIRMED", THEN, THEN)


def link(at: float = -60, groups: tuple[str, ...] = (), **digests: str) -> CognitoUser:
    """A link row that knows of a moment."""
    return CognitoUser(as_of=THEN + timedelta(seconds=at), groups=list(groups), **digests)


def test_a_token_says_who_and_when_and_which_groups() -> None:
    said = claims_from_tokens(access(**{"cognito:groups": ["a", "b"]}), None, SITE)
    assert (said.user_pool_id, said.sub, said.username) == (POOL, "s", "alice")
    (source,) = said.sources
    assert (source.digest_field, source.moment, source.groups) == ("access_digest", THEN, ("a", "b"))


def test_only_mapped_claims_are_attributes_and_only_those_that_are_there() -> None:
    said = claims_from_tokens(identity(email="a@example.com", given_name=None, phone_number="+1"), None, SITE)
    assert said.sources[0].attributes == {"email": "a@example.com"}


def test_an_access_token_and_its_id_token_are_two_sources() -> None:
    said = claims_from_tokens(access(), identity(email="a@example.com", email_verified=True), SITE)
    assert [source.digest_field for source in said.sources] == ["access_digest", "id_digest"]
    assert said.verified_email == "a@example.com"


def test_an_id_token_is_its_own_profile() -> None:
    said = claims_from_tokens(identity(email="a@example.com"), identity(email="b@example.com"), SITE)
    assert [source.attributes for source in said.sources] == [{"email": "a@example.com"}]


@pytest.mark.parametrize("verified", [{}, {"email_verified": False}, {"email_verified": "false"}, {"email": None}])
def test_an_email_that_is_not_verified_is_not_said_to_be(verified) -> None:
    claims = {"email": "a@example.com", **verified}
    assert claims_from_tokens(identity(**claims), None, SITE).verified_email == ""
    assert claims_from_tokens(access(email="a@example.com", email_verified=True), None, SITE).verified_email == ""


def test_the_directory_says_the_same_in_strings() -> None:
    moment = THEN.replace(microsecond=999_999)
    said = claims_from_directory(person(email="a@example.com", email_verified="true"), ["a"], moment, SITE)
    (source,) = said.sources
    assert (source.digest_field, source.moment, source.groups) == ("directory_digest", THEN, ("a",))
    assert source.attributes == {"email": "a@example.com"}
    assert (said.user_pool_id, said.verified_email) == (POOL, "a@example.com")


@pytest.mark.parametrize("verified", [{}, {"email_verified": "false"}, {"email_verified": "True"}])
def test_the_directorys_unverified_email_is_not_said_to_be_verified(verified) -> None:
    assert claims_from_directory(person(email="a@example.com", **verified), [], THEN, SITE).verified_email == ""


def test_the_directory_names_the_groups_that_the_sites_claim_names() -> None:
    custom = CognitoSettings(user_pool_id=POOL, client_id="c", groups_claim="custom:groups")
    for attributes, expected in (
        ({"custom:groups": "[Field+staff,b]"}, ("Field staff", "b")),
        ({"custom:groups": ""}, ()),
        ({}, ()),
        ({"custom:groups": "x" * 129}, ()),
    ):
        said = claims_from_directory(person(**attributes), ["admins"], THEN, custom)
        assert said.sources[0].groups == expected


# What is new


def test_what_was_said_before_is_no_news() -> None:
    said = claims_from_tokens(access(), identity(email="a@example.com"), SITE)
    told = changes_from(said, link(), SITE)
    assert told is not None
    assert changes_from(said, link(at=0, **told.digests), SITE) is None


def test_news_of_a_newer_token_with_equal_groups_moves_moments_only() -> None:
    before = changes_from(claims_from_tokens(access(), identity(email="a@example.com"), SITE), link(), SITE)
    assert before is not None
    later = claims_from_tokens(access(5), identity(5, email="a@example.com"), SITE)
    told = changes_from(later, link(at=0, **before.digests), SITE)
    assert told is not None
    assert told.is_moments_only
    assert told.moment == THEN + timedelta(seconds=5)
    assert all(digest.startswith(f"{THEN.timestamp() + 5:.0f}:") for digest in told.digests.values())


def test_a_source_from_before_says_nothing() -> None:
    assert changes_from(claims_from_tokens(access(-61), identity(-61), SITE), link(), SITE) is None


def test_groups_are_the_most_recent_sources_and_the_intersection_of_equal_moments() -> None:
    groups = {"cognito:groups": ["id", "both"]}
    for at, expected in ((-1, ("access", "both")), (0, ("both",)), (1, ("id", "both"))):
        token = access(**{"cognito:groups": ["access", "both"]})
        told = changes_from(claims_from_tokens(token, identity(at, **groups), SITE), link(), SITE)
        assert told is not None
        assert (told.groups, told.moment) == (expected, THEN + timedelta(seconds=max(at, 0)))


def test_groups_that_only_the_id_token_says_are_not_given_on_a_tie_though_only_it_is_news() -> None:
    token = access(**{"cognito:groups": ["a"]})
    before = changes_from(claims_from_tokens(token, None, SITE), link(), SITE)
    assert before is not None
    told = changes_from(
        claims_from_tokens(token, identity(**{"cognito:groups": ["a", "b"]}), SITE), link(**before.digests), SITE
    )
    assert told is not None
    assert told.groups == ("a",)


def test_groups_in_another_order_are_no_news() -> None:
    told = changes_from(claims_from_tokens(access(**{"cognito:groups": ["a", "b"]}), None, SITE), link(), SITE)
    assert told is not None
    again = claims_from_tokens(access(**{"cognito:groups": ["b", "a"]}), None, SITE)
    assert changes_from(again, link(0, ("a", "b"), **told.digests), SITE) is None
    later = changes_from(
        claims_from_tokens(access(1, **{"cognito:groups": ["b", "a"]}), None, SITE), link(0, ("a", "b")), SITE
    )
    assert later is not None
    assert later.groups == ("a", "b")


def test_attributes_count_in_the_order_of_their_moments() -> None:
    for at, expected in ((-1, "access@example.com"), (0, "id@example.com"), (1, "id@example.com")):
        said = claims_from_tokens(access(email="access@example.com"), identity(at, email="id@example.com"), SITE)
        told = changes_from(said, link(), SITE)
        assert told is not None
        assert told.attributes == {"email": expected}


def test_at_the_very_moment_only_what_is_known_too_counts() -> None:
    told = changes_from(
        claims_from_tokens(access(**{"cognito:groups": ["a", "b"]}), None, SITE), link(0, ("b", "c")), SITE
    )
    assert told is not None
    assert told.groups == ("b",)


def test_groups_that_an_equal_moment_did_not_give_are_given_by_a_later_one() -> None:
    both = claims_from_tokens(access(**{"cognito:groups": ["a", "b"]}), None, SITE)
    on_a_tie = changes_from(both, link(0, ("b",)), SITE)
    assert on_a_tie is not None
    later = changes_from(
        claims_from_tokens(access(1, **{"cognito:groups": ["a", "b"]}), None, SITE), link(0, ("b",)), SITE
    )
    assert later is not None
    assert (later.groups, later.are_grants_due) == (("a", "b"), True)


@pytest.mark.parametrize(
    ("changed", "is_news"),
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
def test_a_changed_mapping_is_news_and_another_setting_is_not(changed, is_news) -> None:
    said = claims_from_tokens(access(), None, SITE)
    told = changes_from(said, link(), SITE)
    assert told is not None
    other = CognitoSettings(user_pool_id=POOL, client_id="c", **changed)
    assert (changes_from(said, link(at=0, **told.digests), other) is not None) is is_news


def test_permissions_are_stored_nowhere_so_other_ones_are_no_news() -> None:
    sites = [
        CognitoSettings(user_pool_id=POOL, client_id="c", groups={"a": GroupGrant(permissions=frozenset({name}))})
        for name in ("x.y", "x.z")
    ]
    said = claims_from_tokens(access(), None, SITE)
    told = changes_from(said, link(), sites[0])
    assert told is not None
    assert changes_from(said, link(at=0, **told.digests), sites[1]) is None
