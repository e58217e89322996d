"""The log of rejected tokens: received and expected values, at most one warning per code, window and process."""

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.test import Client

from django_cognito.core.errors import ClaimError, ClientError, IssuerError, MalformedTokenError, TokenError
from django_cognito.factories import discard_instances
from django_cognito.testing import make_token
from django_cognito.users import rejected_tokens
from django_cognito.users.rejected_tokens import describe_claim, report_rejection
from tests.support.callers import bearer

OTHER_POOL = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Another"
OWN_POOL = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestPool1"
LOGGER = rejected_tokens.__name__
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.entry_point_views"),
    pytest.mark.usefixtures("cognito_keys"),
]


@pytest.fixture(autouse=True)
def _new_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected_tokens, "_warned", {})
    monkeypatch.setattr(rejected_tokens.time, "monotonic", lambda: 1_000_000.0)


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Any:
    """Return a function that returns the warnings so far."""
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records if record.name == LOGGER]


def send(raw: str, url: str = "/who/") -> Any:
    return Client().get(url, headers=bearer(raw))


each_url = pytest.mark.parametrize("url", ["/who/", "/api/", "/who/async/"])


@pytest.mark.mistake("wrong pool id and issuer", by="request")
@each_url
def test_wrong_issuer_logs_the_received_and_the_configured_one(url: str, warnings: Any) -> None:
    assert send(make_token(iss=OTHER_POOL), url).json()["code"] == "wrong_issuer"
    (message,) = warnings()
    assert f"iss received: '{OTHER_POOL}' (not verified); expected: '{OWN_POOL}'" in message
    assert "compare USER_POOL_ID and ISSUER" in message


@pytest.mark.mistake("wrong client id", by="request")
@each_url
def test_wrong_client_logs_the_received_and_the_accepted_ones(url: str, warnings: Any, cognito: Any) -> None:
    cognito(CLIENT_IDS=["1web", "2app"])
    assert send(make_token(client_id="another"), url).json()["code"] == "wrong_client"
    (message,) = warnings()
    assert "client_id received: 'another'; expected: '1web', '2app'" in message
    assert "add it to CLIENT_IDS" in message


def test_wrong_client_before_the_signature_is_verified_is_marked(warnings: Any) -> None:
    discard_instances()  # the keys too
    assert send(make_token(client_id="another")).json()["code"] == "wrong_client"
    assert "client_id received: 'another' (not verified); expected: '1testclient23456789'" in warnings()[0]


@pytest.mark.mistake("ID token for access token and the reverse", by="request")
@each_url
@pytest.mark.parametrize(
    ("due", "sent", "sentence"),
    [
        ("access", "id", "An ID token was sent. Send the access token."),
        ("id", "access", "An access token was sent. Send the ID token."),
    ],
)
@pytest.mark.parametrize("has_keys", [True, False], ids=["verified", "not verified"])
def test_wrong_token_use_names_the_sent_and_the_due_type(
    url: str, due: str, sent: Any, sentence: str, has_keys: bool, cognito: Any, warnings: Any
) -> None:
    cognito(TOKEN_USE=due)
    if not has_keys:
        discard_instances()
    response = send(make_token(token_use=sent), url)
    body = {"detail": sentence, "code": "wrong_token_use", "login_url": "/auth/login/"}
    assert (response.status_code, response.json()) == (401, body)
    mark = "" if has_keys else " (not verified)"
    assert f"token_use received: '{sent}'{mark}; expected: '{due}'" in warnings()[0]


@pytest.mark.mistake("clock behind or ahead", by="request")
def test_clock_behind_logs_both_times_and_ntp(warnings: Any) -> None:
    moment = int(time.time()) + 3_600
    raw = make_token(iat=moment, auth_time=moment, exp=moment + 3_600)
    assert send(raw).json()["code"] == "token_not_yet_valid"
    (message,) = warnings()
    assert message.count("+00:00") == 2
    assert "NTP" in message


def test_expired_token_is_no_warning(warnings: Any) -> None:
    assert send(make_token(exp=int(time.time()) - 60)).json()["code"] == "token_expired"
    assert warnings() == []


# Limits


def test_thousand_rejections_are_one_warning(warnings: Any, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(1_000):
        report_rejection(IssuerError("x", claim="iss", unverified=f"https://{number}.example"))
    assert len(warnings()) == 1
    assert len(rejected_tokens._warned) == 1
    assert sum(record.levelno == logging.INFO for record in caplog.records) == 1_000


def test_each_code_and_each_window_has_its_warning(warnings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds in (0, 30, 60, 119, 180):
        monkeypatch.setattr(rejected_tokens.time, "monotonic", lambda now=seconds: 1_000_020.0 + now)
        for code in ("several_tokens", "token_quoted"):
            report_rejection(MalformedTokenError("x", code=code))
    assert len(warnings()) == 6
    assert len(rejected_tokens._warned) == 2


def test_parallel_rejections_are_one_warning(warnings: Any) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: report_rejection(ClientError("x", claim="client_id", actual="a")), range(200)))
    assert len(warnings()) == 1


@pytest.mark.parametrize(
    "value", ["a\nINFO forged\x1b[31m\u202e\x00" * 9, "x" * 20_000, ["x" * 20_000] * 9, {"a": "\n" * 5_000}, "\ud800"]
)
def test_value_of_a_sender_is_one_short_printable_line(value: Any, warnings: Any) -> None:
    report_rejection(IssuerError("from a user pool that is not configured", claim="iss", unverified=value))
    (message,) = warnings()
    assert message.isprintable()
    assert len(message) < 600
    json.dumps(message)


def test_expected_values_are_at_most_three() -> None:
    error = ClientError("x", claim="aud", actual="a", expected=tuple(f"c{number}" for number in range(1_000)))
    assert describe_claim(error) == "aud received: 'a'; expected: 'c0', 'c1', 'c2' and 997 more"


def test_missing_claim_is_none() -> None:
    assert describe_claim(ClientError("x", claim="aud")) == "aud received: none; expected: another value"


@pytest.mark.parametrize(
    "error",
    [
        ClaimError("x", claim="sub", actual="a-secret"),
        ClaimError("x", claim="nonce", actual="a-secret"),
        ClaimError("x", claim="cognito:groups", actual="a-secret"),
        ClaimError("x", claim="username", unverified="a-secret"),
        MalformedTokenError("x"),
        TokenError("x"),
    ],
)
def test_other_claims_are_not_shown(error: TokenError, warnings: Any) -> None:
    assert describe_claim(error) == ""
    report_rejection(error)
    assert "a-secret" not in "".join(warnings())


@pytest.mark.parametrize("value", [True, "soon", 10**400, -1, None])
def test_time_that_is_no_moment_is_shown_as_it_is(value: Any) -> None:
    assert len(describe_claim(ClaimError("x", claim="exp", actual=value))) < 200


# The response, with DEBUG only


@each_url
@pytest.mark.parametrize("debug", [True, False])
def test_response_has_the_values_with_debug_only(url: str, debug: bool, settings: Any) -> None:
    settings.DEBUG = debug
    body = send(make_token(iss=OTHER_POOL), url).json()
    assert body["code"] == "wrong_issuer"
    assert body.get("debug") == (
        f"iss received: '{OTHER_POOL}' (not verified); expected: '{OWN_POOL}'" if debug else None
    )


def test_debug_response_of_another_error_has_no_values(settings: Any) -> None:
    settings.DEBUG = True
    assert set(send(make_token(sub="")).json()) == {"detail", "code", "login_url"}
    assert set(send("bad").json()) == {"detail", "code", "login_url"}
