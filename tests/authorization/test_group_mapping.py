"""Cognito groups into what they give, and the difference to what they gave before: pure, so tested as values."""

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
    """The settings of a site that maps two groups."""
    groups = {
        "editors": GroupGrant(("Writers",), frozenset({"notes.change_note", "notes.view_note"}), staff=True),
        "viewers": GroupGrant(permissions=frozenset({"notes.view_note"})),
    }
    return CognitoSettings(user_pool_id="eu-west-1_Pool", client_id="c", **{"groups": groups, **changes})


def test_a_mapped_group_gives_what_the_settings_say_and_another_nothing() -> None:
    assert get_grants(["editors", "others"], site()) == {"editors": site().groups["editors"], "others": GroupGrant()}


def test_a_mirrored_group_gives_the_django_group_of_its_name_besides() -> None:
    found = get_grants(["editors", "others", "eu-west-1_Pool_Google"], site(mirror_groups=True))
    assert {name: grant.groups for name, grant in found.items()} == {
        "editors": ("Writers", "editors"),
        "others": ("others",),
        "eu-west-1_Pool_Google": (),
    }
    assert found["editors"].staff


def test_a_mirrored_group_that_is_mapped_to_its_own_name_is_one_group() -> None:
    settings = site(groups={"editors": GroupGrant(("editors",))}, mirror_groups=True)
    assert get_grants(["editors"], settings)["editors"].groups == ("editors",)


def test_permissions_are_those_of_all_groups() -> None:
    assert get_group_permissions(("viewers", "others"), site()) == {"notes.view_note"}
    assert get_group_permissions(("viewers", "editors"), site()) == {"notes.view_note", "notes.change_note"}
    assert get_group_permissions((), site()) == frozenset()


def test_who_has_a_permission_is_told_by_group() -> None:
    assert groups_granting("notes.view_note", site()) == ("editors", "viewers")
    assert groups_granting("notes.add_note", site()) == ()


@pytest.mark.parametrize(
    ("issued", "as_of", "expected"),
    [(2, 1, ("a", "b")), (1, 2, ("b", "c")), (1, 1, ("b",)), (1.0, 1, ("b",)), (1, 1.5, ("b", "c"))],
)
def test_the_younger_counts_and_on_a_tie_what_both_say(issued, as_of, expected) -> None:
    assert effective_groups(["a", "b"], issued, ["b", "c"], as_of) == expected


# What a token tells


def access(**claims: Any) -> AccessToken:
    """An access token of no moment."""
    return AccessToken("eu-west-1_Pool", {"sub": "s", "username": "alice", **claims})


def identity(**claims: Any) -> IdToken:
    """The ID token beside it."""
    return IdToken("eu-west-1_Pool", {"sub": "s", "cognito:username": "alice", **claims})


@pytest.mark.parametrize("token_of", [access, identity])
def test_cognitos_own_claim_is_told_by_either_token_and_its_absence_is_no_group(token_of) -> None:
    assert groups_from_token(token_of(**{"cognito:groups": ["b", "a", "b"]}), site()) == ("b", "a")
    assert groups_from_token(token_of(), site()) == ()
    assert groups_from_token(token_of(**{"custom:groups": "admins"}), site()) == ()


@pytest.mark.parametrize("without", [{}, {"custom:groups": None}])
def test_of_another_claim_an_id_token_says_that_it_is_empty_and_an_access_token_says_nothing(without) -> None:
    custom = site(groups_claim="custom:groups")
    cognitos = {"cognito:groups": ["admins"]}
    assert groups_from_token(identity(**cognitos, **without), custom) == ()
    assert groups_from_token(access(**cognitos, **without), custom) is None


@pytest.mark.parametrize("token_of", [access, identity])
def test_whichever_token_has_the_other_claim_tells_it(token_of) -> None:
    """A trigger may put it into access tokens as well."""
    custom = site(groups_claim="custom:groups")
    assert groups_from_token(token_of(**{"cognito:groups": ["admins"], "custom:groups": "[a,b]"}), custom) == ("a", "b")
    assert groups_from_token(token_of(**{"custom:groups": ""}), custom) == ()


@pytest.mark.parametrize("claim", ["cognito:groups", "custom:groups"])
def test_a_name_that_no_group_of_a_pool_could_have_is_left_out(claim) -> None:
    longest = "x" * 128
    told = groups_from_token(identity(**{claim: ["x" * 129, longest, "x" * 2_048]}), site(groups_claim=claim))
    assert told == (longest,)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Field staff", ("Field staff",)),
        (["a", "b", "a"], ("a", "b")),
        (("a", "b"), ("a", "b")),  # as a token's read-only claims have it
        ("[a]", ("a",)),
        ("[a,b]", ("a", "b")),
        ("[Field+staff,Caf%C3%A9]", ("Field staff", "Café")),
        ("[b%C3%BCro,BÜRO]", ("büro", "BÜRO")),
        ("[CN%3DStaff%2COU%3DSales,b]", ("CN=Staff,OU=Sales", "b")),
        ("[%5Ba%2Cb%5D]", ("[a,b]",)),  # the name of one group
        ("[a%2Bb,100%25]", ("a+b", "100%")),
        ("[a%252Cb]", ("a%2Cb",)),  # decoded once
        ("[[a],[b]]", ("[a]", "[b]")),
        ("[a, b ,\tc\n]", ("a", "b", "c")),
        ("  a  ", ("a",)),
        ("a,b", ("a,b",)),  # one name that has a comma
        ("CN=Staff,OU=Sales", ("CN=Staff,OU=Sales",)),
        ("Caf%C3%A9+bar", ("Caf%C3%A9+bar",)),  # one value stands as it is
        ("[a,b", ("[a,b",)),
        ("a,b]", ("a,b]",)),
        ("]a,b[", ("]a,b[",)),
        ("[a,a,+a,a+,%61]", ("a",)),
        ("[,,a,,]", ("a",)),
        ("[%,%Z,%Z1,a]", ("%", "%Z", "%Z1", "a")),
        ("[%FF,%C3]", ("\ufffd",)),  # no UTF-8: nothing that a setting would name
        ("[]", ()),
        ("[,]", ()),
        ("[+,%20]", ()),
        ("[", ("[",)),
        ("", ()),
        (" ", ()),
        ([], ()),
        (["", " ", "\u00a0"], ()),
        ("a\0b", ()),
        ("[a%00b,c]", ("c",)),
        (["a\0", "b"], ("b",)),
        (["[a,b]", "a%20b"], ("[a,b]", "a%20b")),  # a list's names stand as they are
        (["a", 1, None, True, ["b"], ("c",), {"d": 1}], ("a",)),
    ],
)
def test_the_names_in_a_claim(value, expected) -> None:
    assert parse_groups_claim(value) == expected


@pytest.mark.parametrize("value", [None, True, False, 0, 1, -1.5, {}, {"admins": True}, {"0": "admins"}, b"admins"])
def test_what_is_neither_text_nor_a_list_names_no_group(value) -> None:
    assert parse_groups_claim(value) == ()


def test_ten_thousand_names_are_ten_thousand_names() -> None:
    names = [f"group {number}" for number in range(10_000)]
    assert parse_groups_claim(names) == parse_groups_claim(f"[{','.join(map(quote_plus, names))}]") == tuple(names)


def test_the_longest_attribute_is_one_name_or_as_many_as_fit() -> None:
    assert parse_groups_claim("x" * 2_048) == ("x" * 2_048,)
    assert len(parse_groups_claim(f"[{','.join(f'{number:03}' for number in range(511))}]")) == 511


_names = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), unique=True)


@given(names=_names)
def test_whatever_a_directorys_groups_are_called_each_is_read_as_it_was_written(names) -> None:
    stripped = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
    assert parse_groups_claim(f"[{','.join(map(quote_plus, names))}]") == parse_groups_claim(names) == stripped


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(value=_json)
def test_whatever_a_claim_holds_it_names_groups_or_none(value) -> None:
    found = parse_groups_claim(value)
    assert all(name and name == name.strip() and "\0" not in name for name in found)
    assert len(set(found)) == len(found)
    json.dumps(found)


def test_a_group_that_is_called_as_cognitos_automatic_one_is_mirrored_nowhere_whatever_claim_names_it() -> None:
    custom = site(groups_claim="custom:groups", mirror_groups=True)
    names = groups_from_token(
        identity(**{"custom:groups": "[eu-west-1_Pool_AcmeSAML,eu-west-1_Pool2_x,staff]"}), custom
    )
    assert names is not None
    assert {name: grant.groups for name, grant in get_grants(names, custom).items()} == {
        "eu-west-1_Pool_AcmeSAML": (),
        "eu-west-1_Pool2_x": ("eu-west-1_Pool2_x",),  # another pool's, if anybody's
        "staff": ("staff",),
    }


# The difference


def test_what_is_new_is_given_and_remembered() -> None:
    change = diff_grants({"editors": Granted(frozenset({1, 2}), staff=True)}, {}, now=NOTHING)
    assert (change.add_groups, change.remove_groups, change.staff, change.superuser) == ({1, 2}, set(), True, None)
    assert change.memberships == {"editors": Granted(frozenset({1, 2}), staff=True)}


def test_what_is_gone_is_taken_away_and_forgotten() -> None:
    has = Granted(frozenset({1, 2}), staff=True, superuser=True)
    change = diff_grants({}, {"admins": has}, now=has)
    assert (change.add_groups, change.remove_groups, change.staff, change.superuser) == (set(), {1, 2}, False, False)
    assert change.memberships == {}


def test_what_was_there_by_hand_is_neither_remembered_nor_taken_away() -> None:
    by_hand = Granted(frozenset({1}), staff=True, superuser=True)
    change = diff_grants({"admins": by_hand}, {}, now=by_hand)
    assert (change.add_groups, change.staff, change.superuser) == (set(), None, None)
    assert change.memberships == {"admins": NOTHING}
    after = diff_grants({}, change.memberships, now=by_hand)
    assert (after.remove_groups, after.staff, after.superuser) == (set(), None, None)


def test_what_another_group_still_gives_stays() -> None:
    before = {"a": Granted(frozenset({1}), staff=True), "b": Granted(frozenset({1}), staff=True)}
    change = diff_grants({"b": before["b"]}, before, now=before["a"])
    assert (change.add_groups, change.remove_groups, change.staff) == (set(), set(), None)
    assert change.memberships == {"b": before["b"]}


def test_what_another_link_granted_stays_and_is_ours_too_where_we_give_it() -> None:
    change = diff_grants({"a": STAFF}, {}, now=STAFF, other_pools=STAFF)
    assert (change.staff, change.memberships) == (None, {"a": STAFF})
    after = diff_grants({}, {"a": STAFF}, now=STAFF, other_pools=STAFF)
    assert after.staff is None


def test_what_an_admin_took_away_is_not_taken_twice() -> None:
    change = diff_grants({}, {"a": Granted(frozenset({1}), staff=True)}, now=NOTHING)
    assert (change.remove_groups, change.staff) == (set(), None)


def test_a_union_is_all_of_them() -> None:
    assert combine_grants([]) == NOTHING
    assert combine_grants([WRITERS, READERS, STAFF]) == Granted(frozenset({1, 2}), staff=True)
    assert combine_grants([ROOT]) == ROOT


_granted = st.builds(Granted, st.frozensets(st.integers(1, 4)), st.booleans(), st.booleans())
_steps = st.lists(st.tuples(st.booleans(), st.dictionaries(st.sampled_from("abc"), _granted, max_size=3)), max_size=8)


@given(by_hand=_granted, steps=_steps)
def test_whatever_two_links_give_and_take_in_the_end_what_was_there_by_hand_is_left(by_hand, steps) -> None:
    has, links = by_hand, ({}, {})
    for which, wanted in [*steps, (False, {}), (True, {})]:
        change = diff_grants(wanted, links[which], now=has, other_pools=combine_grants(links[not which].values()))
        has = Granted(
            (has.groups | change.add_groups) - change.remove_groups,
            has.staff if change.staff is None else change.staff,
            has.superuser if change.superuser is None else change.superuser,
        )
        links[which].clear()
        links[which].update(change.memberships)
        assert combine_grants([has, *wanted.values()]) == has
    assert has == by_hand
