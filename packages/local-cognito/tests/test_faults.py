"""Faults of single operations, in Python and over HTTP: throttling, latency, expired tokens, unusual pages."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from local_cognito import Emulator, faults
from local_cognito.errors import ServiceError
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.user_pools import POOL_ID, Users


@pytest.fixture(autouse=True)
def no_faults_after_the_test(emulator: Emulator, users: Users, idp: Any) -> Iterator[None]:
    while len(idp.list_users(UserPoolId=POOL_ID, Limit=4)["Users"]) < 4:
        users.create()
    yield
    emulator.clear_faults()


def list_names(idp: Any, **parameters: Any) -> tuple[list[str], str]:
    page = idp.list_users(UserPoolId=POOL_ID, Limit=1, **parameters)
    return [user["Username"] for user in page["Users"]], page["PaginationToken"]


def test_throttled_requests_are_rejected_and_counted(emulator: Emulator, idp: Any) -> None:
    emulator.set_faults("ListUsers", throttled=2)
    for _ in range(2):
        with raises_client_error("TooManyRequestsException", "Rate exceeded"):
            list_names(idp)
    assert list_names(idp)
    assert idp.list_groups(UserPoolId=POOL_ID)["Groups"]


@pytest.mark.parametrize(("rate", "burst"), [(2, 2), (0.5, 1)])
def test_requests_above_the_rate_are_throttled(
    emulator: Emulator, idp: Any, monkeypatch: pytest.MonkeyPatch, rate: float, burst: int
) -> None:
    now = 1_000.0
    monkeypatch.setattr(faults, "time", SimpleNamespace(monotonic=lambda: now, sleep=time.sleep))
    emulator.set_faults("ListUsers", requests_per_second=rate)
    for allowed in (burst, 1):
        for _ in range(allowed):
            assert list_names(idp)
        with raises_client_error("TooManyRequestsException"):
            list_names(idp)
        now += 1 / rate


def test_faults_of_all_operations_leave_out_those_with_their_own(emulator: Emulator, idp: Any) -> None:
    emulator.set_faults("*", throttled=1)
    emulator.set_faults("ListUsers", expired_tokens=1)
    assert list_names(idp)
    with raises_client_error("TooManyRequestsException"):
        idp.list_groups(UserPoolId=POOL_ID)


def test_latency_delays_one_operation(emulator: Emulator, idp: Any) -> None:
    emulator.set_faults("ListUsers", latency_seconds=0.2)
    start = time.monotonic()
    list_names(idp)
    assert time.monotonic() - start >= 0.2


def test_expired_token_is_rejected_and_valid_afterwards(emulator: Emulator, idp: Any) -> None:
    _, token = list_names(idp)
    emulator.set_faults("ListUsers", expired_tokens=1)
    assert list_names(idp)  # it has no token
    with raises_client_error("InvalidParameterException"):
        list_names(idp, PaginationToken=token)
    assert list_names(idp, PaginationToken=token)


@pytest.mark.parametrize("has_token", [False, True])
def test_empty_page_loses_no_user(emulator: Emulator, idp: Any, has_token: bool) -> None:
    parameters = {"PaginationToken": list_names(idp)[1]} if has_token else {}
    expected = list_names(idp, **parameters)[0]
    emulator.set_faults("ListUsers", empty_pages=1)
    names, token = list_names(idp, **parameters)
    assert names == []
    assert list_names(idp, PaginationToken=token)[0] == expected


def test_repeated_page_loses_no_user(emulator: Emulator, idp: Any) -> None:
    first, token = list_names(idp)
    second, token = list_names(idp, PaginationToken=token)
    third, _ = list_names(idp, PaginationToken=token)
    emulator.set_faults("ListUsers", repeated_pages=1)
    repeated, following = list_names(idp, PaginationToken=token)
    assert (repeated, list_names(idp, PaginationToken=following)[0]) == (second, third)
    assert first != second != third


def test_faults_are_set_over_http(emulator: Emulator, idp: Any) -> None:
    url = f"{emulator.url}/_local/operations/ListUsers/faults"
    assert requests.post(url, json={"throttled": 5}, timeout=30).json() == {}
    with raises_client_error("TooManyRequestsException"):
        list_names(idp)
    assert requests.post(url, json={}, timeout=30).status_code == 200
    assert list_names(idp)


@pytest.mark.parametrize(
    ("operation", "faults", "message"),
    [
        ("ListUser", {"throttled": 1}, "There is no operation ListUser of user pools"),
        ("ListUsers", {"throttle": 1}, "Unknown fault 'throttle'; expected: throttled, requests_per_second,"),
        ("ListUsers", {"throttled": -1}, "throttled must be an integer, 0 or more"),
        ("ListUsers", {"throttled": 1.5}, "throttled must be an integer, 0 or more"),
        ("ListUsers", {"throttled": True}, "throttled must be an integer, 0 or more"),
        ("ListUsers", {"latency_seconds": "1"}, "latency_seconds must be a number, 0 or more"),
        ("ListUsers", {"latency_seconds": 61}, "latency_seconds must be at most 60"),
    ],
)
def test_invalid_faults_are_rejected(emulator: Emulator, operation: str, faults: Any, message: str) -> None:
    with pytest.raises(ServiceError, match=message):
        emulator.set_faults(operation, **faults)
    response = requests.post(f"{emulator.url}/_local/operations/{operation}/faults", json=faults, timeout=30)
    assert response.status_code == 400
    assert message in response.json()["message"]
