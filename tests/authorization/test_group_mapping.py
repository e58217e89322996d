"""The grants of Cognito groups, and their difference to earlier grants: pure functions, tested with values."""

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cognito.authorization.group_mapping import (
    NOTHING,
    Granted,
    combine_grants,
    diff_grants,
    effective_groups,
    get_grants,
    get_group_permissions,
    groups_from_token,
    groups_granting,
    parse_groups_claim,
)
from django_cognito.conf.schema import CognitoSettings, GroupGrant
from django_cognito.core import AccessToken, IdToken

STAFF, ROOT = Granted(staff=True), Granted(superuser=True)
WRITERS, READERS = Granted(frozenset({1})), Granted(frozenset({2}))


def site(**changes: Any) -> CognitoSettings:
    """Return the settings of a site that maps two groups."""
    groups = {
        "editors": GroupGrant(("Writers",), frozenset({"notes.change_note", "notes.view_note"}), staff=True),
        "viewers": GroupGrant(permissions=frozenset({"notes.view_note"})),
    }
    return CognitoSettings(user_pool_id="eu-west-1_Pool", client_id="c", **{"groups": groups, **changes})


def test_mapped_group_grants_its_mapping_and_others_nothing() -> None:
    assert get_grants(["editors", "others"], site()) == {"editors": site().groups["editors"], "others": GroupGrant()}


def test_mirrored_group_also_grants_the_django_group_of_its_name() -> None:
    grants = get_grants(["editors", "others", "eu-west-1_Pool_Google"], site(mirror_groups=True))
    assert {name: grant.groups for name, grant in grants.items()} == {
        "editors": ("Writers", "editors"),
        "others": ("others",),
        "eu-west-1_Pool_Google": (),
    }
    assert grants["editors"].staff


def test_mirrored_group_mapped_to_its_own_name_is_one_group() -> None:
    settings = site(groups={"editors": GroupGrant(("editors",))}, mirror_groups=True)
    assert get_grants(["editors"], settings)["editors"].groups == ("editors",)


def test_group_permissions_are_of_all_groups() -> None:
    assert get_group_permissions(("viewers", "others"), site()) == {"notes.view_note"}
    assert get_group_permissions(("viewers", "editors"), site()) == {"notes.view_note", "notes.change_note"}
    assert get_group_permissions((), site()) == frozenset()


def test_groups_granting_returns_the_groups_with_a_permission() -> None:
    assert groups_granting("notes.view_note", site()) == ("editors", "viewers")
    assert groups_granting("notes.add_note", site()) == ()


@pytest.mark.parametrize(
    ("issued", "as_of", "expected"),
    [(2, 1, ("a", "b")), (1, 2, ("b", "c")), (1, 1, ("b",)), (1.0, 1, ("b",)), (1, 1.5, ("b", "c"))],
)
def test_effective_groups_are_the_newer_or_the_intersection(issued, as_of, expected) -> None:
    assert effective_groups(["a", "b"], issued, ["b", "c"], as_of) == expected


# Groups of a token


def access(**claims: Any) -> AccessToken:
    """Return an access token without `iat`."""
    return AccessToken("eu-west-1_Pool", {"sub": "s", "username": "alice", **claims})


def identity(**claims: Any) -> IdToken:
    """Return an ID token of the same sign-in."""
    return IdToken("eu-west-1_Pool", {"sub": "s", "cognito:username": "alice", **claims})


@pytest.mark.parametrize("token_of", [access, identity])
def test_cognito_groups_claim_is_read_from_both_tokens(token_of) -> None:
    assert groups_from_token(token_of(**{"cognito:groups": ["b", "a", "b"]}), site()) == ("b", "a")
    assert groups_from_token(token_of(), site()) == ()
    assert groups_from_token(token_of(**{"custom:groups": "admins"}), site()) == ()


@pytest.mark.parametrize("missing", [{}, {"custom:groups": None}])
def test_missing_custom_claim_is_empty_only_in_an_id_token(missing) -> None:
    custom = site(groups_claim="custom:groups")
    cognitos = {"cognito:groups": ["admins"]}
    assert groups_from_token(identity(**cognitos, **missing), custom) == ()
    assert groups_from_token(access(**cognitos, **missing), custom) is None


@pytest.mark.parametrize("token_of", [access, identity])
def test_custom_groups_claim_is_read_from_both_tokens(token_of) -> None:
    """A Lambda trigger may add it to access tokens too."""
    custom = site(groups_claim="custom:groups")
    assert groups_from_token(token_of(**{"cognito:groups": ["admins"], "custom:groups": "[a,b]"}), custom) == ("a", "b")
    assert groups_from_token(token_of(**{"custom:groups": ""}), custom) == ()


@pytest.mark.parametrize("claim", ["cognito:groups", "custom:groups"])
def test_group_name_longer_than_cognito_allows_is_left_out(claim) -> None:
    longest = "x" * 128
    names = groups_from_token(identity(**{claim: ["x" * 129, longest, "x" * 2_048]}), site(groups_claim=claim))
    assert names == (longest,)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Field staff", ("Field staff",)),
        (["a", "b", "a"], ("a", "b")),
        (("a", "b"), ("a", "b")),  # as in a token's read-only claims
        ("[a]", ("a",)),
        ("[a,b]", ("a", "b")),
        ("[Field+staff,Caf%C3%A9]", ("Field staff", "Café")),
        ("[b%C3%BCro,BÜRO]", ("büro", "BÜRO")),
        ("[CN%3DStaff%2COU%3DSales,b]", ("CN=Staff,OU=Sales", "b")),
        ("[%5Ba%2Cb%5D]", ("[a,b]",)),  # one group name
        ("[a%2Bb,100%25]", ("a+b", "100%")),
        ("[a%252Cb]", ("a%2Cb",)),  # decoded once
        ("[[a],[b]]", ("[a]", "[b]")),
        ("[a, b ,\tc\n]", ("a", "b", "c")),
        ("  a  ", ("a",)),
        ("a,b", ("a", "b")),
        (" a , b,,a ", ("a", "b")),
        ("a b;c|d", ("a b;c|d",)),  # no other character separates names
        ('["a","b"]', ("a", "b")),
        ('["a", "b"]', ("a", "b")),
        (' [ "a" , "b" ] ', ("a", "b")),
        ('["Sales, EMEA","b"]', ("Sales, EMEA", "b")),  # one name with a comma
        ('["a+b","100%25"]', ("a+b", "100%25")),  # names in JSON are not decoded
        ('["Caf\\u00e9","[a,b]"]', ("Café", "[a,b]")),
        ('["a"]', ("a",)),
        ('[""]', ()),
        ('["","a"]', ("a",)),
        ('["a\\u0000","\\ud800","b"]', ("b",)),
        ('["a",1]', ()),
        ('["a",null]', ()),
        ('[["a"]]', ()),
        ('["a","b"', ()),  # cut
        ('["a","admins', ()),
        ("['a','b']", ("'a'", "'b'")),  # no JSON: names that no setting contains
        ('"a","b"', ('"a"', '"b"')),
        ('{"groups":["a"]}', ('{"groups":["a"]}',)),
        ('["a",' + "[" * 10_000 + "]" * 10_000 + "]", ()),
        ('["a",' + "1" * 5_000 + "]", ()),
        ("[1,true]", ("1", "true")),  # names of a SAML attribute
        ("CN=Staff,OU=Sales", ("CN=Staff,OU=Sales",)),  # one distinguished name
        (r"CN=Sales\, admins,OU=Staff", (r"CN=Sales\, admins,OU=Staff",)),  # with a comma in a value
        ('CN="Sales,admins,EMEA"', ('CN="Sales,admins,EMEA"',)),  # RFC 2253 4
        ("Caf%C3%A9+bar", ("Caf%C3%A9+bar",)),  # a single value is not decoded
        ("[a,b", ()),  # cut
        ("[a,admins-", ()),
        ("a,b]", ("a", "b]")),
        ("]a,b[", ("]a", "b[")),
        ("Team [EU]", ("Team [EU]",)),
        ("[a,a,+a,a+,%61]", ("a",)),
        ("[,,a,,]", ("a",)),
        ("[%,%Z,%Z1,a]", ("%", "%Z", "%Z1", "a")),
        ("[%FF,%C3]", ("\ufffd",)),  # invalid UTF-8: no setting contains such a name
        ("[]", ()),
        ("[,]", ()),
        ("[+,%20]", ()),
        ("[", ()),
        ("[[", ()),
        ('["', ()),
        ("", ()),
        (" ", ()),
        ([], ()),
        (["", " ", "\u00a0"], ()),
        ("a\0b", ()),
        ("[a%00b,c]", ("c",)),
        (["a\0", "b"], ("b",)),
        (["[a,b]", "a%20b"], ("[a,b]", "a%20b")),  # names in a list are not decoded
        (["a", 1, None, True, ["b"], ("c",), {"d": 1}], ("a",)),
    ],
)
def test_parse_groups_claim_returns_the_names(value, expected) -> None:
    assert parse_groups_claim(value) == expected


@pytest.mark.parametrize("value", [None, True, False, 0, 1, -1.5, {}, {"admins": True}, {"0": "admins"}, b"admins"])
def test_claim_that_is_neither_text_nor_a_list_has_no_groups(value) -> None:
    assert parse_groups_claim(value) == ()


def test_claim_with_ten_thousand_names_has_all() -> None:
    names = [f"group {number}" for number in range(10_000)]
    assert parse_groups_claim(names) == parse_groups_claim(f"[{','.join(map(quote_plus, names))}]") == tuple(names)


def test_claim_of_the_longest_attribute_is_parsed() -> None:
    assert parse_groups_claim("x" * 2_048) == ("x" * 2_048,)
    assert len(parse_groups_claim(f"[{','.join(f'{number:03}' for number in range(511))}]")) == 511


_names = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), unique=True)


@given(names=_names)
def test_every_directory_group_name_is_parsed_as_written(names) -> None:
    stripped = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
    assert parse_groups_claim(f"[{','.join(map(quote_plus, names))}]") == parse_groups_claim(names) == stripped


# For its default alphabet, st.text() encodes each character of Unicode.
_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
)


@given(value=_json)
def test_every_json_claim_is_parsed_to_valid_names(value) -> None:
    names = parse_groups_claim(value)
    assert all(name and name == name.strip() and "\0" not in name for name in names)
    assert len(set(names)) == len(names)
    json.dumps(names)


def test_provider_group_of_a_custom_claim_is_not_mirrored() -> None:
    custom = site(groups_claim="custom:groups", mirror_groups=True)
    names = groups_from_token(
        identity(**{"custom:groups": "[eu-west-1_Pool_AcmeSAML,eu-west-1_Pool2_x,staff]"}), custom
    )
    assert names is not None
    assert {name: grant.groups for name, grant in get_grants(names, custom).items()} == {
        "eu-west-1_Pool_AcmeSAML": (),
        "eu-west-1_Pool2_x": ("eu-west-1_Pool2_x",),  # possibly of another pool
        "staff": ("staff",),
    }


# Differences


def test_new_grant_is_added_and_recorded() -> None:
    change = diff_grants({"editors": Granted(frozenset({1, 2}), staff=True)}, {}, now=NOTHING)
    assert (change.add_groups, change.remove_groups, change.staff, change.superuser) == ({1, 2}, set(), True, None)
    assert change.memberships == {"editors": Granted(frozenset({1, 2}), staff=True)}


def test_missing_grant_is_removed_with_its_record() -> None:
    granted = Granted(frozenset({1, 2}), staff=True, superuser=True)
    change = diff_grants({}, {"admins": granted}, now=granted)
    assert (change.add_groups, change.remove_groups, change.staff, change.superuser) == (set(), {1, 2}, False, False)
    assert change.memberships == {}


def test_local_grant_is_neither_recorded_nor_removed() -> None:
    local = Granted(frozenset({1}), staff=True, superuser=True)
    change = diff_grants({"admins": local}, {}, now=local)
    assert (change.add_groups, change.staff, change.superuser) == (set(), None, None)
    assert change.memberships == {"admins": NOTHING}
    after = diff_grants({}, change.memberships, now=local)
    assert (after.remove_groups, after.staff, after.superuser) == (set(), None, None)


def test_grant_of_another_group_stays() -> None:
    before = {"a": Granted(frozenset({1}), staff=True), "b": Granted(frozenset({1}), staff=True)}
    change = diff_grants({"b": before["b"]}, before, now=before["a"])
    assert (change.add_groups, change.remove_groups, change.staff) == (set(), set(), None)
    assert change.memberships == {"b": before["b"]}


def test_grant_of_another_link_stays_and_is_recorded() -> None:
    change = diff_grants({"a": STAFF}, {}, now=STAFF, other_pools=STAFF)
    assert (change.staff, change.memberships) == (None, {"a": STAFF})
    after = diff_grants({}, {"a": STAFF}, now=STAFF, other_pools=STAFF)
    assert after.staff is None


def test_grant_that_an_admin_removed_is_not_removed_twice() -> None:
    change = diff_grants({}, {"a": Granted(frozenset({1}), staff=True)}, now=NOTHING)
    assert (change.remove_groups, change.staff) == (set(), None)


def test_combine_grants_returns_the_union() -> None:
    assert combine_grants([]) == NOTHING
    assert combine_grants([WRITERS, READERS, STAFF]) == Granted(frozenset({1, 2}), staff=True)
    assert combine_grants([ROOT]) == ROOT


_granted = st.builds(Granted, st.frozensets(st.integers(1, 4)), st.booleans(), st.booleans())
_steps = st.lists(st.tuples(st.booleans(), st.dictionaries(st.sampled_from("abc"), _granted, max_size=3)), max_size=8)


@given(local=_granted, steps=_steps)
def test_changes_of_two_links_end_with_the_local_grants(local, steps) -> None:
    current, links = local, ({}, {})
    for which, wanted in [*steps, (False, {}), (True, {})]:
        change = diff_grants(wanted, links[which], now=current, other_pools=combine_grants(links[not which].values()))
        current = Granted(
            (current.groups | change.add_groups) - change.remove_groups,
            current.staff if change.staff is None else change.staff,
            current.superuser if change.superuser is None else change.superuser,
        )
        links[which].clear()
        links[which].update(change.memberships)
        assert combine_grants([current, *wanted.values()]) == current
    assert current == local
