"""The store of the hosted UI's short-lived values."""

import pytest
from local_cognito.pages.browser_sessions import ExpiringStore
from local_cognito_support.hosted_site import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_value_is_available_until_it_expires(clock: Clock) -> None:
    store: ExpiringStore[str] = ExpiringStore(10, clock)
    name = store.put("value")
    clock.pass_seconds(9)
    assert store.get(name) == "value"
    clock.pass_seconds(1)
    assert store.get(name) is None
    assert store.take(name) is None


def test_take_returns_a_value_once(clock: Clock) -> None:
    store: ExpiringStore[str] = ExpiringStore(10, clock)
    name = store.put("value")
    assert (store.take(name), store.take(name), store.get(name)) == ("value", None, None)


def test_change_does_not_extend_the_lifetime(clock: Clock) -> None:
    store: ExpiringStore[int] = ExpiringStore(10, clock)
    name = store.put(1)
    clock.pass_seconds(9)
    assert store.change(name, lambda value: value + 1) == 2
    assert store.get(name) == 2
    clock.pass_seconds(1)
    assert store.get(name) is None


def test_change_of_an_expired_value_is_none(clock: Clock) -> None:
    store: ExpiringStore[int] = ExpiringStore(10, clock)
    name = store.put(1)
    clock.pass_seconds(10)
    assert store.change(name, lambda value: value + 1) is None
    assert store.change("never there", lambda value: value + 1) is None


def test_names_are_long_and_unique(clock: Clock) -> None:
    store: ExpiringStore[str] = ExpiringStore(10, clock)
    names = {store.put("value") for _ in range(100)}
    assert (len(names), min(len(name) for name in names)) == (100, 43)


def test_oldest_value_is_evicted_at_capacity(clock: Clock) -> None:
    store: ExpiringStore[int] = ExpiringStore(10, clock, capacity=2)
    names = [store.put(number) for number in range(3)]
    assert [store.get(name) for name in names] == [None, 1, 2]


def test_expired_values_do_not_count_towards_capacity(clock: Clock) -> None:
    store: ExpiringStore[int] = ExpiringStore(10, clock, capacity=2)
    store.put(0)
    clock.pass_seconds(5)
    unexpired = store.put(1)
    clock.pass_seconds(5)
    store.put(2)
    assert store.get(unexpired) == 1
