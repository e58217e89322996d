"""The order of tokens does not matter: the grants of a user follow the most recent moment."""

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
from django_cognito.users.attributes.claim_sources import IdentityClaims, Source
from django_cognito.users.authentication import authenticate
from django_cognito.users.writing import provisioning
from tests.support import source
from tests.support.scenarios.users import NOW, django_groups, link_of, token
from tests.support.sizes import choose_size

from .token_histories import GROUPS, NAMES, Event, expected_grants, expected_state, stored_state

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, tzinfo=UTC)
few_examples = settings(
    max_examples=choose_size(40, 400), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def _mapped(cognito: Any) -> None:
    cognito(GROUPS=GROUPS)


def test_groups_are_a_users_whichever_client_the_token_is_for(user_from_token, cognito) -> None:
    """As documented: a trigger must not give groups to tokens of one client only."""
    cognito(CLIENT_IDS=["1testclient23456789", "2mobile"])
    states = []
    for client_id, groups, at in (
        ("1testclient23456789", ["helpers"], -300),
        ("2mobile", [], -200),
        ("1testclient23456789", ["helpers"], -300),
        ("1testclient23456789", ["helpers"], -100),
    ):
        user = user_from_token(*groups, at=at, client_id=client_id)
        user.refresh_from_db()
        states.append((user.is_staff, link_of(user).groups))
    assert states == [(True, ["helpers"]), (False, []), (False, []), (True, ["helpers"])]
    page = (source.PROJECT_DIRECTORY / "docs" / "groups.md").read_text()
    assert "Groups are a user's, whichever app client the token is for." in page


def test_older_admins_token_after_newer_tokens_grants_nothing(user_from_token) -> None:
    user_from_token(at=-300)
    user_from_token(at=-100)
    user = user_from_token("admins", at=-200)
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser, link_of(user).groups) == (False, False, [])
    assert link_of(user).as_of.timestamp() == NOW - 100


def test_every_order_of_three_tokens_leaves_the_same_state(user_from_token) -> None:
    events = [(-300, ()), (-100, ("helpers",)), (-200, ("admins", "editors"))]
    for number, order in enumerate(itertools.permutations(events)):
        for at, groups in order:
            user_from_token(*groups, at=at, username=f"user{number}")
        assert stored_state(f"user{number}")[:4] == ({"helpers"}, NOW - 100, True, False)


def test_every_order_of_tokens_matches_the_oracle_at_each_step(user_from_token) -> None:
    """Compare the stored state with the oracle after each token."""
    equal_moments = [(-200, ("viewers",)), (-200, ("viewers", "admins"))]
    history = [(-300, ("editors", "viewers")), *equal_moments, (-100, ("helpers",))]
    for number, order in enumerate(itertools.permutations(history)):
        events: list[Event] = []
        for at, groups in order:
            user_from_token(*groups, at=at, username=f"user{number}")
            events.append(Event(NOW + at, "access", frozenset(groups)))
            assert stored_state(f"user{number}") == expected_state(events), order


def test_equal_seconds_intersect_without_a_change_of_the_moment(user_from_token, writes) -> None:
    user_from_token("editors", "viewers", at=-60)
    with writes(3):  # the link row, the membership and its Django group
        user_from_token("viewers", at=-60)
    assert django_groups(user_from_token("editors", "viewers", at=-60)) == {"Readers"}


# Two ID tokens of the same second


def test_alternating_id_tokens_of_one_second_do_not_write(cognito_keys) -> None:
    access = token(at=-20)
    id_tokens = [token(at=-20, token_use="id", given_name=name) for name in ("a", "b")]
    for id_token in id_tokens:
        authenticate(access, id_token=id_token)
    with CaptureQueriesContext(connection) as queries:
        for id_token in id_tokens * 5:
            authenticate(access, id_token=id_token)
    assert [query["sql"] for query in queries if "UPDATE" in query["sql"]] == []
    assert User.objects.get().first_name == "a"


def test_attributes_follow_the_most_recent_token_of_their_kind(user_from_token) -> None:
    user_from_token(at=-300, token_use="id", given_name="a")
    user_from_token(at=-100, token_use="id", given_name="a")
    assert user_from_token(at=-200, token_use="id", given_name="c").first_name == "a"
    assert User.objects.get().first_name == "a"


def test_id_token_older_than_an_access_token_sets_attributes(user_from_token) -> None:
    user_from_token(at=-60)
    user_from_token(at=-120, token_use="id", given_name="Alice")
    assert User.objects.get().first_name == "Alice"
    assert link_of(User.objects.get()).as_of.timestamp() == NOW - 60


def test_newer_attributes_of_another_source_stay(user_from_token, writes) -> None:
    user_from_token(at=-60)
    write_source("alice", source_of(NOW - 30, "directory", (), {"first_name": "New"}))
    with writes(0):
        user_from_token(at=-40, token_use="id", given_name="Old")
    user_from_token(at=-20, token_use="id", given_name="Newest")
    assert User.objects.get().first_name == "Newest"


def test_newer_token_restores_attributes_of_another_source(user_from_token) -> None:
    user_from_token(at=-60, token_use="id", given_name="X")
    write_source("alice", source_of(NOW - 50, "directory", None, {"first_name": "Y"}))
    assert user_from_token(at=-40, token_use="id", given_name="X").first_name == "X"


def test_id_token_without_attributes_writes_only_the_moment(user_from_token, writes, cognito) -> None:
    cognito(KEEP_MISSING_ATTRIBUTES=["email", "first_name", "last_name"])
    user_from_token(at=-60, token_use="id", given_name="X")
    with writes(1):
        user_from_token(at=-40, token_use="id", email=None)


# Rows with digests that contain no moment


@pytest.mark.parametrize("legacy", ["a" * 64, "0123456789" * 6 + "abcd", "1" * 64, "odd:" + "a" * 64])
def test_digest_without_a_moment_ignores_older_tokens(user_from_token, writes, legacy) -> None:
    user_from_token("editors", at=-60, token_use="id", given_name="X")
    CognitoUser.objects.update(**dict.fromkeys(DIGEST_FIELDS, legacy))
    with writes(0):
        user_from_token("editors", "admins", at=-90, token_use="id", given_name="Old")
    user = user_from_token("editors", at=-60, token_use="id", given_name="X")
    assert (user.first_name, user.is_staff, django_groups(user)) == ("X", False, {"Writers", "Readers"})
    assert link_of(user).id_digest.startswith(f"{NOW - 60}:")
    assert user_from_token("helpers", at=-30, token_use="id", given_name="New").first_name == "New"
    with writes(0):
        user_from_token("helpers", at=-30, token_use="id", given_name="New")


def test_digests_contain_the_moment_and_fit_their_columns(user_from_token) -> None:
    link = link_of(user_from_token("editors", profile={"given_name": "X"}))
    for digest in (link.access_digest, link.id_digest):
        seconds, _, rest = digest.partition(":")
        assert (int(seconds), len(rest)) == (NOW, 64)
        assert len(digest) <= 96
    assert (link.user_info_digest, link.directory_digest) == ("", "")


# Two writers: both read before the first one writes


def source_of(moment: int, kind: str, groups: Any, attributes: Any = None) -> Source:
    return Source(f"{kind}_digest", datetime.fromtimestamp(moment, UTC), groups, attributes or {})


def claims_from_tokens(name: str, source: Source) -> IdentityClaims:
    return IdentityClaims("eu-west-1_TestPool1", f"sub of {name}", name, (source,))


def write_source(name: str, source: Source) -> None:
    """Write the claims of a source for an existing user."""
    link = CognitoUser.objects.get(username=name)
    provisioning._apply_with_retry(link, IdentityClaims(link.user_pool_id, link.sub, name, (source,)), get_settings())


def write_in_pairs(name: str, events: list[Event], pairs: list[bool]) -> None:
    """Write `events` in their order; of each pair, both writers read before the first one writes."""
    remaining = iter(events)
    for event, is_pair in zip(remaining, itertools.chain(pairs, itertools.repeat(False)), strict=False):
        both = [event, *itertools.islice(remaining, 1 if is_pair else 0)]
        claims = [claims_from_tokens(name, _source(event)) for event in both]
        links = [provisioning._fetch_link(statement) for statement in claims]
        for link, statement in zip(links, claims, strict=True):
            provisioning._apply_with_retry(link, statement, get_settings())


def _source(event: Event) -> Source:
    groups = None if event.groups is None else tuple(sorted(event.groups))
    return source_of(int((START + timedelta(seconds=event.moment)).timestamp()), event.source, groups)


def events_of(sources: Any = ("access", "id", "directory")) -> Any:
    groups = st.frozensets(st.sampled_from(NAMES))
    return st.builds(Event, st.integers(1, 4), st.sampled_from(sources), groups)


EVENTS_WITHOUT_GROUPS = st.builds(Event, st.integers(1, 4), st.just("access"), st.none())
HISTORIES = st.tuples(events_of(), st.lists(events_of() | EVENTS_WITHOUT_GROUPS, max_size=6)).map(
    lambda pair: [pair[0], *pair[1]]
)
PAIRS = st.lists(st.booleans(), max_size=6)


@few_examples
@given(data=st.data(), history=HISTORIES, pairs=PAIRS)
def test_every_order_with_two_writers_matches_the_oracle(data, history, pairs) -> None:
    name = f"user {uuid.uuid4()}"
    write_in_pairs(name, data.draw(st.permutations(history)), pairs)
    expected = expected_state(history)
    seconds = int((START + timedelta(seconds=expected.as_of)).timestamp())
    assert stored_state(name) == expected._replace(as_of=seconds)


@few_examples
@given(histories=st.tuples(HISTORIES, HISTORIES), data=st.data(), pairs=PAIRS)
def test_two_links_of_one_user_match_the_grants_of_both(histories, data, pairs) -> None:
    names = [f"user {uuid.uuid4()}" for _ in histories]
    first, second = ([(name, event) for event in history] for name, history in zip(names, histories, strict=True))
    for name in names:
        provisioning.get_or_create_link(
            claims_from_tokens(name, source_of(int(START.timestamp()), "access", ())), get_settings()
        )
    owner = User.objects.get(cognito_users__username=names[0])
    CognitoUser.objects.filter(username=names[1]).update(user=owner)
    remaining = iter(data.draw(st.permutations(first + second)))
    for one, is_pair in zip(remaining, itertools.chain(pairs, itertools.repeat(False)), strict=False):
        both = [one, *itertools.islice(remaining, 1 if is_pair else 0)]
        claims = [claims_from_tokens(name, _source(event)) for name, event in both]
        links = [provisioning._fetch_link(statement) for statement in claims]
        for link, statement in zip(links, claims, strict=True):
            provisioning._apply_with_retry(link, statement, get_settings())
    groups = [expected_state(history).groups for history in histories]
    owner.refresh_from_db()
    stored = (owner.is_staff, owner.is_superuser, frozenset(django_groups(owner)))
    assert stored == expected_grants(frozenset.union(*groups))
    for name, names_of_groups in zip(names, groups, strict=True):
        assert stored_state(name).memberships == names_of_groups


@pytest.mark.parametrize("change", ["moment", "groups", "digest"])
def test_conditional_update_of_a_changed_row_is_evaluated_again(change) -> None:
    """Of two writers that both read, the second one detects each kind of change of the first one."""
    both = frozenset({"editors", "helpers"})
    first, second = Event(1, "access", both), Event(2, "access", both)
    other = {
        "moment": Event(3, "id", both),
        "groups": Event(1, "access", frozenset({"editors"})),
        "digest": Event(3, "access", both),
    }[change]
    write_in_pairs("alice", [first], [])
    claims = claims_from_tokens("alice", _source(second))
    stale = provisioning._fetch_link(claims)
    write_in_pairs("alice", [other], [])
    provisioning._apply_with_retry(stale, claims, get_settings())
    expected = expected_state([first, other, second])
    seconds = int((START + timedelta(seconds=expected.as_of)).timestamp())
    assert stored_state("alice") == expected._replace(as_of=seconds)


def test_conditional_update_with_equal_digests_checks_the_moment() -> None:
    """The rows differ only in `as_of`: a directory call updates it and no other digest."""
    write_in_pairs("alice", [Event(1, "access", frozenset({"editors"}))], [])
    claims = claims_from_tokens("alice", _source(Event(2, "access", frozenset({"editors"}))))
    stale = provisioning._fetch_link(claims)
    CognitoUser.objects.update(as_of=START + timedelta(seconds=9))
    provisioning._apply_with_retry(stale, claims, get_settings())
    assert CognitoUser.objects.get().as_of == START + timedelta(seconds=9)


@pytest.mark.parametrize("groups", [[], ["editors"], ["a", "b"], ["é", 'quo"te', "back\\slash", "%s"]])
def test_conditional_update_finds_a_row_by_its_json_groups(groups, writes) -> None:
    claims = [claims_from_tokens("alice", source_of(moment, "access", tuple(groups))) for moment in (1_000, 2_000)]
    provisioning.get_or_create_link(claims[0], get_settings())
    with writes(1), CaptureQueriesContext(connection) as queries:
        provisioning.get_or_create_link(claims[1], get_settings())
    assert len(queries) == 2
    assert CognitoUser.objects.get().as_of.timestamp() == 2_000


def test_conditional_update_distinguishes_groups_by_case() -> None:
    write_in_pairs("alice", [Event(1, "access", frozenset({"editors"}))], [])
    claims = claims_from_tokens("alice", _source(Event(2, "access", frozenset({"editors"}))))
    stale = provisioning._fetch_link(claims)
    CognitoUser.objects.update(groups=["Editors"])
    assert not provisioning._write_without_lock(stale, claims, get_settings())
    provisioning._apply_with_retry(stale, claims, get_settings())
    assert CognitoUser.objects.get().groups == ["editors"]
