"""CLIENT_IP: which address a sign-in stores, and that a client cannot choose it."""

import ipaddress
from typing import Any

import pytest
from django.http import HttpRequest

from django_cognito.conf.validation import find_problems
from django_cognito.sessions.browsers.client_ip import find_forwarded_ip, get_client_ip, parse_ip

VALID = {"USER_POOL_ID": "eu-west-1_TestPool1", "CLIENT_ID": "1testclient23456789"}


def request_from(remote_addr: str | None, forwarded_for: str | None = None) -> HttpRequest:
    request = HttpRequest()
    meta = {"REMOTE_ADDR": remote_addr, "HTTP_X_FORWARDED_FOR": forwarded_for}
    request.META = {name: value for name, value in meta.items() if value is not None}
    return request


def address_from_header(_request: HttpRequest) -> str:
    return "203.0.113.9"


@pytest.fixture
def client_ip(settings: Any) -> Any:
    """Return a function that sets CLIENT_IP."""

    def change(value: Any) -> None:
        settings.COGNITO = {**settings.COGNITO, "CLIENT_IP": value}

    return change


# REMOTE_ADDR


@pytest.mark.parametrize("forwarded_for", [None, "198.51.100.1", "198.51.100.1, 203.0.113.7"])
def test_forwarded_header_is_ignored_by_default(forwarded_for: str | None) -> None:
    assert get_client_ip(request_from("192.0.2.1", forwarded_for)) == "192.0.2.1"


@pytest.mark.parametrize("remote_addr", [None, "", "unix:", "/run/gunicorn.sock"])
def test_request_of_a_unix_socket_has_no_address(remote_addr: str | None) -> None:
    assert get_client_ip(request_from(remote_addr)) is None


# A number of trusted proxies


@pytest.mark.parametrize(
    ("proxy_count", "header", "address"),
    [
        (1, "203.0.113.7", "203.0.113.7"),
        (2, "203.0.113.7, 10.0.0.1", "203.0.113.7"),
        (1, "203.0.113.7:50123", "203.0.113.7"),
        (1, "[2001:db8::1]:443", "2001:db8::1"),
        (1, "2001:DB8:0::1", "2001:db8::1"),
        (3, " 203.0.113.7 ,10.0.0.1,10.0.0.2", "203.0.113.7"),
    ],
)
def test_forwarded_address_is_counted_from_the_right(proxy_count: int, header: str, address: str) -> None:
    assert find_forwarded_ip(header, proxy_count) == address


@pytest.mark.parametrize(
    ("proxy_count", "header"),
    [
        (1, "198.51.100.1, 203.0.113.7"),
        (1, "198.51.100.1, 198.51.100.2, 203.0.113.7"),
        (2, "198.51.100.1, 203.0.113.7, 10.0.0.1"),
        (1, "x, , 'or 1=1, 203.0.113.7"),
        (1, ",".join(["198.51.100.1"] * 500) + ",203.0.113.7"),
    ],
)
def test_header_of_the_client_never_wins(proxy_count: int, header: str) -> None:
    assert find_forwarded_ip(header, proxy_count) == "203.0.113.7"


@pytest.mark.parametrize("header", ["", "198.51.100.1", "198.51.100.1, "])
def test_request_that_bypassed_a_proxy_has_no_address(header: str) -> None:
    assert find_forwarded_ip(header, 2 if header.count(",") == 0 else 1) is None


def test_number_of_proxies_reads_the_header_of_the_request(client_ip: Any) -> None:
    client_ip(2)
    assert get_client_ip(request_from("10.0.0.2", "198.51.100.1, 203.0.113.7, 10.0.0.1")) == "203.0.113.7"
    assert get_client_ip(request_from("203.0.113.7")) is None


# A function of the site


@pytest.mark.parametrize("function", [address_from_header, f"{__name__}.address_from_header"])
def test_function_of_the_site_returns_the_address(client_ip: Any, function: Any) -> None:
    client_ip(function)
    assert get_client_ip(request_from("192.0.2.1")) == "203.0.113.9"


@pytest.mark.parametrize("returned", [None, "", "not an address", 7, b"192.0.2.1"])
def test_function_without_an_address_stores_none(client_ip: Any, returned: Any) -> None:
    client_ip(lambda _: returned)
    assert get_client_ip(request_from("192.0.2.1")) is None


def test_failing_function_is_logged_and_stores_none(client_ip: Any, caplog: pytest.LogCaptureFixture) -> None:
    client_ip(lambda request: request.META["HTTP_X_MISSING"])
    assert get_client_ip(request_from("192.0.2.1")) is None
    assert "CLIENT_IP failed" in caplog.text


# Addresses


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[::1]", "::1"),
        (ipaddress.ip_address("2001:db8::2"), "2001:db8::2"),
    ],
)
def test_address_is_stored_in_its_normal_form(value: Any, address: str) -> None:
    assert parse_ip(value) == address


@pytest.mark.parametrize(
    "value",
    [
        *("256.0.0.1", "192.0.2.1\0", "192.0.2", "0x7f000001", "192.0.2.1:port", "192.0.2.1:123456", "2001:db8::g"),
        *("[2001:db8::1", "::1]:80", "unknown", "_hidden", '"192.0.2.1"', "1" * 10_000, "١٩٢.0.2.1"),
    ],
)
def test_invalid_address_is_none(value: str) -> None:
    assert parse_ip(value) is None


# The setting


@pytest.mark.parametrize("value", ["REMOTE_ADDR", 1, 10, "mysite.ips.find", address_from_header])
def test_valid_setting_has_no_problem(value: Any) -> None:
    assert find_problems({**VALID, "CLIENT_IP": value}) == []


@pytest.mark.parametrize("value", [0, 11, -1, True, None, "", "HTTP_X_FORWARDED_FOR", "X-Forwarded-For", 1.5, [1]])
def test_invalid_setting_is_a_problem(value: Any) -> None:
    assert [problem.id for problem in find_problems({**VALID, "CLIENT_IP": value})] == ["django_cognito.E004"]
