"""The shelf that everything short-lived of the hosted UI lies on."""

import pytest
from local_cognito.pages.browser_sessions import ExpiringStore
from local_cognito_support.hosted_site import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_value_is_there_until_its_time_is_over(clock: Clock) -> None:
    shelf: ExpiringStore[str] = ExpiringStore(10, clock)
    name = shelf.put("value")
    clock.pass_seconds(9)
    assert shelf.get(name) == "value"
    clock.pass_seconds(1)
    assert shelf.get(name) is None
    assert shelf.take(name) is None


def test_a_value_is_taken_once(clock: Clock) -> None:
    shelf: ExpiringStore[str] = ExpiringStore(10, clock)
    name = shelf.put("value")
    assert (shelf.take(name), shelf.take(name), shelf.get(name)) == ("value", None, None)


def test_a_changed_value_lives_no_longer(clock: Clock) -> None:
    shelf: ExpiringStore[int] = ExpiringStore(10, clock)
    name = shelf.put(1)
    clock.pass_seconds(9)
    assert shelf.change(name, lambda value: value + 1) == 2
    assert shelf.get(name) == 2
    clock.pass_seconds(1)
    assert shelf.get(name) is None


def test_what_is_gone_is_not_changed(clock: Clock) -> None:
    shelf: ExpiringStore[int] = ExpiringStore(10, clock)
    name = shelf.put(1)
    clock.pass_seconds(10)
    assert shelf.change(name, lambda value: value + 1) is None
    assert shelf.change("never there", lambda value: value + 1) is None


def test_names_are_long_and_never_the_same(clock: Clock) -> None:
    shelf: ExpiringStore[str] = ExpiringStore(10, clock)
    names = {shelf.put("value") for _ in range(100)}
    assert (len(names), min(len(name) for name in names)) == (100, 43)


def test_the_oldest_makes_room(clock: Clock) -> None:
    shelf: ExpiringStore[int] = ExpiringStore(10, clock, capacity=2)
    names = [shelf.put(number) for number in range(3)]
    assert [shelf.get(name) for name in names] == [None, 1, 2]


def test_what_is_over_takes_no_room(clock: Clock) -> None:
    shelf: ExpiringStore[int] = ExpiringStore(10, clock, capacity=2)
    shelf.put(0)
    clock.pass_seconds(5)
    kept = shelf.put(1)
    clock.pass_seconds(5)
    shelf.put(2)
    assert shelf.get(kept) == 1
