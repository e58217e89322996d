"""The order of tokens does not matter: what a user has follows the most recent moment, whatever writer came first."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_cognito.conf.loading import get_settings
from django_cognito.models import DIGEST_FIELDS, CognitoUser
from django_cognito.users import provisioning
from django_cognito.users.authentication import authenticate
from django_cognito.users.claim_sources import IdentityClaims, Source
from tests.support.user_scenario import NOW, django_groups, link_of, token

from .token_histories import GROUPS, NAMES, Event, expected_grants, expected_state, stored_state

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, tzinfo=UTC)
FEW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def _mapped(cognito: Any) -> None:
    cognito(GROUPS=GROUPS)


def test_older_token_with_admins_after_newer_ones_without_grants_nothing(told) -> None:
    told(at=-300)
    told(at=-100)
    user = told("admins", at=-200)
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser, link_of(user).groups) == (False, False, [])
    assert link_of(user).as_of.timestamp() == NOW - 100


def test_every_order_of_three_tokens_leaves_the_same_state(told) -> None:
    events = [(-300, ()), (-100, ("helpers",)), (-200, ("admins", "editors"))]
    for number, order in enumerate(itertools.permutations(events)):
        for at, groups in order:
            told(*groups, at=at, username=f"user{number}")
        assert stored_state(f"user{number}")[:4] == ({"helpers"}, NOW - 100, True, False)


def test_no_order_of_tokens_grants_what_the_most_recent_ones_do_not_state(told) -> None:
    """After each token, not only after the last one: the writer is compared with the oracle at every step."""
    tie = [(-200, ("viewers",)), (-200, ("viewers", "admins"))]
    history = [(-300, ("editors", "viewers")), *tie, (-100, ("helpers",))]
    for number, order in enumerate(itertools.permutations(history)):
        events: list[Event] = []
        for at, groups in order:
            told(*groups, at=at, username=f"user{number}")
            events.append(Event(NOW + at, "access", frozenset(groups)))
            assert stored_state(f"user{number}") == expected_state(events), order


def test_equal_seconds_intersect_without_a_change_of_the_moment(told, writes) -> None:
    told("editors", "viewers", at=-60)
    with writes(3):  # the link row, the membership, its Django group, and nothing more
        told("viewers", at=-60)
    assert django_groups(told("editors", "viewers", at=-60)) == {"Readers"}


# Two ID tokens of one second


def test_id_tokens_of_one_second_in_turns_do_not_write(cognito_keys) -> None:
    access = token(at=-20)
    of_one_second = [token(at=-20, token_use="id", given_name=name) for name in ("a", "b")]
    for id_token in of_one_second:
        authenticate(access, id_token=id_token)
    with CaptureQueriesContext(connection) as queries:
        for id_token in of_one_second * 5:
            authenticate(access, id_token=id_token)
    assert [query["sql"] for query in queries if "UPDATE" in query["sql"]] == []
    assert User.objects.get().first_name == "a"


def test_attributes_follow_the_most_recent_token_of_their_kind(told) -> None:
    told(at=-300, token_use="id", given_name="a")
    told(at=-100, token_use="id", given_name="a")
    assert told(at=-200, token_use="id", given_name="c").first_name == "a"
    assert User.objects.get().first_name == "a"


def test_id_token_older_than_an_access_token_gives_its_attributes(told) -> None:
    told(at=-60)
    told(at=-120, token_use="id", given_name="Alice")
    assert User.objects.get().first_name == "Alice"
    assert link_of(User.objects.get()).as_of.timestamp() == NOW - 60


def test_attributes_of_another_kind_with_a_later_moment_stay(told, writes) -> None:
    told(at=-60)
    settle("alice", source_of(NOW - 30, "directory", (), {"first_name": "New"}))
    with writes(0):
        told(at=-40, token_use="id", given_name="Old")
    told(at=-20, token_use="id", given_name="Newest")
    assert User.objects.get().first_name == "Newest"


def test_attributes_that_another_kind_replaced_come_back_with_a_newer_token(told) -> None:
    told(at=-60, token_use="id", given_name="X")
    settle("alice", source_of(NOW - 50, "directory", None, {"first_name": "Y"}))
    assert told(at=-40, token_use="id", given_name="X").first_name == "X"


def test_id_token_that_lost_its_attributes_writes_the_moment_alone(told, writes) -> None:
    told(at=-60, token_use="id", given_name="X")
    with writes(1):
        told(at=-40, token_use="id", email=None)


# Rows from before digests held a moment


@pytest.mark.parametrize("legacy", ["a" * 64, "0123456789" * 6 + "abcd", "1" * 64, "odd:" + "a" * 64])
def test_digest_without_a_moment_is_read_and_older_tokens_change_nothing(told, writes, legacy) -> None:
    told("editors", at=-60, token_use="id", given_name="X")
    CognitoUser.objects.update(**dict.fromkeys(DIGEST_FIELDS, legacy))
    with writes(0):
        told("editors", "admins", at=-90, token_use="id", given_name="Old")
    user = told("editors", at=-60, token_use="id", given_name="X")
    assert (user.first_name, user.is_staff, django_groups(user)) == ("X", False, {"Writers", "Readers"})
    assert link_of(user).id_digest.startswith(f"{NOW - 60}:")
    assert told("helpers", at=-30, token_use="id", given_name="New").first_name == "New"
    with writes(0):
        told("helpers", at=-30, token_use="id", given_name="New")


def test_digests_hold_the_moment_and_fit_their_columns(told) -> None:
    link = link_of(told("editors", profile={"given_name": "X"}))
    for digest in (link.access_digest, link.id_digest):
        seconds, _, rest = digest.partition(":")
        assert (int(seconds), len(rest)) == (NOW, 64)
        assert len(digest) <= 96
    assert (link.user_info_digest, link.directory_digest) == ("", "")


# Two writers, one after the other in each step: both have read before one writes


def source_of(moment: int, kind: str, groups: Any, attributes: Any = None) -> Source:
    return Source(f"{kind}_digest", datetime.fromtimestamp(moment, UTC), groups, attributes or {})


def claims_from_tokens(name: str, source: Source) -> IdentityClaims:
    return IdentityClaims("eu-west-1_TestPool1", f"sub of {name}", name, (source,))


def settle(name: str, source: Source) -> None:
    """Write what a source says of the user that tokens of `told` are of."""
    link = CognitoUser.objects.get(username=name)
    provisioning._apply_with_retry(link, IdentityClaims(link.user_pool_id, link.sub, name, (source,)), get_settings())


def write_in_pairs(name: str, events: list[Event], pairs: list[bool]) -> None:
    """Give `events` to the writer in their order; of each pair, both writers read before the first one writes."""
    waiting = iter(events)
    for event, is_pair in zip(waiting, itertools.chain(pairs, itertools.repeat(False)), strict=False):
        both = [event, *itertools.islice(waiting, 1 if is_pair else 0)]
        said = [claims_from_tokens(name, _source(each)) for each in both]
        read = [provisioning._fetch_link(each) for each in said]
        for link, statement in zip(read, said, strict=True):
            provisioning._apply_with_retry(link, statement, get_settings())


def _source(event: Event) -> Source:
    groups = None if event.groups is None else tuple(sorted(event.groups))
    return source_of(int((START + timedelta(seconds=event.moment)).timestamp()), event.source, groups)


def events_of(sources: Any = ("access", "id", "directory")) -> Any:
    groups = st.frozensets(st.sampled_from(NAMES))
    return st.builds(Event, st.integers(1, 4), st.sampled_from(sources), groups)


SILENT = st.builds(Event, st.integers(1, 4), st.just("access"), st.none())
HISTORIES = st.tuples(events_of(), st.lists(events_of() | SILENT, max_size=6)).map(lambda each: [each[0], *each[1]])
PAIRS = st.lists(st.booleans(), max_size=6)


@FEW
@given(data=st.data(), history=HISTORIES, pairs=PAIRS)
def test_every_order_with_two_writers_leaves_what_the_oracle_computes(data, history, pairs) -> None:
    name = f"user {uuid.uuid4()}"
    write_in_pairs(name, data.draw(st.permutations(history)), pairs)
    expected = expected_state(history)
    seconds = int((START + timedelta(seconds=expected.as_of)).timestamp())
    assert stored_state(name) == expected._replace(as_of=seconds)


@FEW
@given(histories=st.tuples(HISTORIES, HISTORIES), data=st.data(), pairs=PAIRS)
def test_two_links_of_one_user_leave_what_both_histories_grant(histories, data, pairs) -> None:
    names = [f"user {uuid.uuid4()}" for _ in histories]
    first, second = ([(name, event) for event in history] for name, history in zip(names, histories, strict=True))
    for name in names:
        provisioning.get_or_create_link(
            claims_from_tokens(name, source_of(int(START.timestamp()), "access", ())), get_settings()
        )
    owner = User.objects.get(cognito_users__username=names[0])
    CognitoUser.objects.filter(username=names[1]).update(user=owner)
    waiting = iter(data.draw(st.permutations(first + second)))
    for one, is_pair in zip(waiting, itertools.chain(pairs, itertools.repeat(False)), strict=False):
        both = [one, *itertools.islice(waiting, 1 if is_pair else 0)]
        said = [claims_from_tokens(name, _source(event)) for name, event in both]
        read = [provisioning._fetch_link(each) for each in said]
        for link, statement in zip(read, said, strict=True):
            provisioning._apply_with_retry(link, statement, get_settings())
    groups = [expected_state(history).groups for history in histories]
    owner.refresh_from_db()
    stored = (owner.is_staff, owner.is_superuser, frozenset(django_groups(owner)))
    assert stored == expected_grants(frozenset.union(*groups))
    for name, names_of_groups in zip(names, groups, strict=True):
        assert stored_state(name).memberships == names_of_groups


@pytest.mark.parametrize("change", ["moment", "groups", "digest"])
def test_conditional_update_of_a_row_that_changed_is_evaluated_again(change) -> None:
    """Of two writers that both read, the second finds its row changed, whatever the first one changed of it."""
    both = frozenset({"editors", "helpers"})
    first, second = Event(1, "access", both), Event(2, "access", both)
    other = {
        "moment": Event(3, "id", both),
        "groups": Event(1, "access", frozenset({"editors"})),
        "digest": Event(3, "access", both),
    }[change]
    write_in_pairs("alice", [first], [])
    said = claims_from_tokens("alice", _source(second))
    stale = provisioning._fetch_link(said)
    write_in_pairs("alice", [other], [])
    provisioning._apply_with_retry(stale, said, get_settings())
    expected = expected_state([first, other, second])
    seconds = int((START + timedelta(seconds=expected.as_of)).timestamp())
    assert stored_state("alice") == expected._replace(as_of=seconds)


def test_conditional_update_moves_nothing_backwards_if_digests_are_equal() -> None:
    """The moment alone tells the rows apart: a directory call moves it and states nothing of another kind."""
    write_in_pairs("alice", [Event(1, "access", frozenset({"editors"}))], [])
    said = claims_from_tokens("alice", _source(Event(2, "access", frozenset({"editors"}))))
    stale = provisioning._fetch_link(said)
    CognitoUser.objects.update(as_of=START + timedelta(seconds=9))
    provisioning._apply_with_retry(stale, said, get_settings())
    assert CognitoUser.objects.get().as_of == START + timedelta(seconds=9)


@pytest.mark.parametrize("groups", [[], ["editors"], ["a", "b"], ["é", 'quo"te', "back\\slash", "%s"]])
def test_conditional_update_finds_a_row_by_its_json_groups(groups, writes) -> None:
    said = [claims_from_tokens("alice", source_of(moment, "access", tuple(groups))) for moment in (1_000, 2_000)]
    provisioning.get_or_create_link(said[0], get_settings())
    with writes(1), CaptureQueriesContext(connection) as queries:
        provisioning.get_or_create_link(said[1], get_settings())
    assert len(queries) == 2
    assert CognitoUser.objects.get().as_of.timestamp() == 2_000


def test_conditional_update_tells_groups_apart_that_differ_in_case() -> None:
    write_in_pairs("alice", [Event(1, "access", frozenset({"editors"}))], [])
    said = claims_from_tokens("alice", _source(Event(2, "access", frozenset({"editors"}))))
    stale = provisioning._fetch_link(said)
    CognitoUser.objects.update(groups=["Editors"])
    assert not provisioning._write_without_lock(stale, said, get_settings())
    provisioning._apply_with_retry(stale, said, get_settings())
    assert CognitoUser.objects.get().groups == ["editors"]
