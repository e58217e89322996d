"""Cognito groups into what they give, and the difference to what they gave before: pure, so tested as values."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cognito.conf import CognitoSettings, GroupGrant
from django_cognito.people.groups import (
    NOTHING,
    Granted,
    difference,
    effective,
    grants,
    groups_granting,
    permissions,
    union,
)

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
    assert grants(["editors", "others"], site()) == {"editors": site().groups["editors"], "others": GroupGrant()}


def test_a_mirrored_group_gives_the_django_group_of_its_name_besides() -> None:
    found = grants(["editors", "others", "eu-west-1_Pool_Google"], site(mirror_groups=True))
    assert {name: grant.groups for name, grant in found.items()} == {
        "editors": ("Writers", "editors"),
        "others": ("others",),
        "eu-west-1_Pool_Google": (),
    }
    assert found["editors"].staff


def test_a_mirrored_group_that_is_mapped_to_its_own_name_is_one_group() -> None:
    settings = site(groups={"editors": GroupGrant(("editors",))}, mirror_groups=True)
    assert grants(["editors"], settings)["editors"].groups == ("editors",)


def test_permissions_are_those_of_all_groups() -> None:
    assert permissions(("viewers", "others"), site()) == {"notes.view_note"}
    assert permissions(("viewers", "editors"), site()) == {"notes.view_note", "notes.change_note"}
    assert permissions((), site()) == frozenset()


def test_who_has_a_permission_is_told_by_group() -> None:
    assert groups_granting("notes.view_note", site()) == ("editors", "viewers")
    assert groups_granting("notes.add_note", site()) == ()


@pytest.mark.parametrize(
    ("issued", "as_of", "expected"),
    [(2, 1, ("a", "b")), (1, 2, ("b", "c")), (1, 1, ("b",)), (1.0, 1, ("b",)), (1, 1.5, ("b", "c"))],
)
def test_the_younger_counts_and_on_a_tie_what_both_say(issued, as_of, expected) -> None:
    assert effective(["a", "b"], issued, ["b", "c"], as_of) == expected


def test_no_order_of_telling_gives_what_the_youngest_did_not_say() -> None:
    told = [(1, ("a", "b")), (2, ("b",)), (2, ("b", "c")), (3, ("b", "d"))]
    for order in itertools.permutations(told):
        known: tuple[str, ...] = ()
        as_of = 0
        for moment, names in order:
            if moment >= as_of:
                known, as_of = effective(names, moment, known, as_of), moment
        assert known == ("b", "d")


# The difference


def test_what_is_new_is_given_and_remembered() -> None:
    change = difference({"editors": Granted(frozenset({1, 2}), staff=True)}, {}, now=NOTHING)
    assert (change.add_groups, change.remove_groups, change.staff, change.superuser) == ({1, 2}, set(), True, None)
    assert change.memberships == {"editors": Granted(frozenset({1, 2}), staff=True)}


def test_what_is_gone_is_taken_away_and_forgotten() -> None:
    has = Granted(frozenset({1, 2}), staff=True, superuser=True)
    change = difference({}, {"admins": has}, now=has)
    assert (change.add_groups, change.remove_groups, change.staff, change.superuser) == (set(), {1, 2}, False, False)
    assert change.memberships == {}


def test_what_was_there_by_hand_is_neither_remembered_nor_taken_away() -> None:
    by_hand = Granted(frozenset({1}), staff=True, superuser=True)
    change = difference({"admins": by_hand}, {}, now=by_hand)
    assert (change.add_groups, change.staff, change.superuser) == (set(), None, None)
    assert change.memberships == {"admins": NOTHING}
    after = difference({}, change.memberships, now=by_hand)
    assert (after.remove_groups, after.staff, after.superuser) == (set(), None, None)


def test_what_another_group_still_gives_stays() -> None:
    before = {"a": Granted(frozenset({1}), staff=True), "b": Granted(frozenset({1}), staff=True)}
    change = difference({"b": before["b"]}, before, now=before["a"])
    assert (change.add_groups, change.remove_groups, change.staff) == (set(), set(), None)
    assert change.memberships == {"b": before["b"]}


def test_what_another_link_granted_stays_and_is_ours_too_where_we_give_it() -> None:
    change = difference({"a": STAFF}, {}, now=STAFF, elsewhere=STAFF)
    assert (change.staff, change.memberships) == (None, {"a": STAFF})
    after = difference({}, {"a": STAFF}, now=STAFF, elsewhere=STAFF)
    assert after.staff is None


def test_what_an_admin_took_away_is_not_taken_twice() -> None:
    change = difference({}, {"a": Granted(frozenset({1}), staff=True)}, now=NOTHING)
    assert (change.remove_groups, change.staff) == (set(), None)


def test_a_union_is_all_of_them() -> None:
    assert union([]) == NOTHING
    assert union([WRITERS, READERS, STAFF]) == Granted(frozenset({1, 2}), staff=True)
    assert union([ROOT]) == ROOT


_granted = st.builds(Granted, st.frozensets(st.integers(1, 4)), st.booleans(), st.booleans())
_steps = st.lists(st.tuples(st.booleans(), st.dictionaries(st.sampled_from("abc"), _granted, max_size=3)), max_size=8)


@given(by_hand=_granted, steps=_steps)
def test_whatever_two_links_give_and_take_in_the_end_what_was_there_by_hand_is_left(by_hand, steps) -> None:
    has, links = by_hand, ({}, {})
    for which, wanted in [*steps, (False, {}), (True, {})]:
        change = difference(wanted, links[which], now=has, elsewhere=union(links[not which].values()))
        has = Granted(
            (has.groups | change.add_groups) - change.remove_groups,
            has.staff if change.staff is None else change.staff,
            has.superuser if change.superuser is None else change.superuser,
        )
        links[which].clear()
        links[which].update(change.memberships)
        assert union([has, *wanted.values()]) == has
    assert has == by_hand
