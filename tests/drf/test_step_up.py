"""DRF permissions that require a recent sign-in or a second factor."""

import time
from typing import Any

import pytest
from django.test import Client
from django.utils.http import urlencode

from django_cognito.drf import RequiresMfa
from django_cognito.testing import make_token, sign_in
from tests.support.callers import bearer, end_tokens
from tests.support.cases import cases
from tests.support.step_up_site import LEVEL_4

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.step_up_site"),
    pytest.mark.usefixtures("cognito_keys"),
]
MFA = {"acr": "urn:cognito:loa:3", "amr": ["pwd", "sms", "mfa"]}
OLD = {"auth_time": int(time.time()) - 3_000}


def status(client: Client, name: str, query: str = "", **claims: Any) -> int:
    return client.get(f"/api/{name}/{query}", headers=bearer(make_token(**claims))).status_code


PERMISSIONS: list[tuple[str, dict[str, Any], int]] = [
    ("recent", {}, 200),
    ("recent", OLD, 401),
    ("mfa", MFA, 200),
    ("mfa", {}, 401),
    ("totp", {"acr": LEVEL_4}, 200),
    ("totp", MFA, 401),
    ("mfa-recent", MFA, 200),
    ("mfa-recent", {**MFA, **OLD}, 401),
    ("mfa-recent", {}, 401),
    ("both", {}, 200),
    ("both", OLD, 403),  # DRF does not report which of the two
    ("either", OLD, 403),
    ("either", {}, 200),
    ("either", {**MFA, **OLD}, 200),
    ("either-call", {"groups": ["editors"]}, 200),
    ("either-call", MFA, 200),
    ("either-call", {}, 403),
    ("not-recent", OLD, 200),
    ("not-recent", {}, 403),
    ("not-mfa", {}, 200),
    ("not-mfa", MFA, 403),
]


def test_permissions_can_be_combined(client: Client) -> None:
    with cases() as case:
        for number, (name, claims, expected) in enumerate(PERMISSIONS):
            with case(f"{name} with {claims}"):
                assert status(client, name, username=f"user{number}", **claims) == expected


def test_old_sign_in_gets_the_challenge_of_rfc_9470(client: Client) -> None:
    answer = client.get("/api/recent/", headers=bearer(make_token(**OLD)))
    assert answer["WWW-Authenticate"] == 'Bearer error="insufficient_user_authentication", max_age="300"'
    assert (answer.json()["code"], answer.json()["max_age"]) == ("insufficient_user_authentication", 300)


def test_missing_level_is_in_the_body_and_the_challenge(client: Client) -> None:
    answer = client.get("/api/totp/", headers=bearer(make_token()))
    assert answer["WWW-Authenticate"] == f'Bearer error="insufficient_user_authentication", acr_values="{LEVEL_4}"'
    assert answer.json()["acr_values"] == LEVEL_4


def test_session_gets_the_step_up_url(client: Client) -> None:
    sign_in(client)
    answer = client.get("/api/totp/")
    assert (answer.status_code, answer.json()["login_url"]) == (
        401,
        f"/auth/step-up/?{urlencode({'acr_values': LEVEL_4})}",
    )


def test_session_with_mfa_is_accepted(client: Client) -> None:
    sign_in(client, acr=LEVEL_4)
    assert client.get("/api/totp/").json() == "alice"


@pytest.mark.parametrize("name", ["recent", "mfa"])
def test_anonymous_request_is_not_authenticated(client: Client, name: str) -> None:
    answer = client.get(f"/api/{name}/")
    assert (answer.status_code, answer.json().get("code", "")) == (401, "")


@pytest.mark.parametrize("name", ["recent", "mfa"])
def test_machine_to_machine_client_gets_403(client: Client, name: str) -> None:
    answer = client.get(f"/api/{name}/", headers=bearer(make_token(username=None, acr=LEVEL_4)))
    assert (answer.status_code, answer.json()["code"]) == (403, "user_required")


def test_when_decides_whether_mfa_is_required(client: Client) -> None:
    assert (status(client, "sometimes"), status(client, "sometimes", "?secret=1")) == (200, 401)


def test_permission_without_the_middleware_reads_the_token(client: Client, settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Cognito" not in name]
    assert (status(client, "recent"), status(client, "recent", **OLD)) == (200, 401)
    sign_in(client)
    assert client.get("/api/recent/").status_code == 401  # no sign-in can be read: never accepted


@pytest.mark.usefixtures("cognito_down")
def test_outage_is_503(client: Client) -> None:
    sign_in(client, groups=["editors"], refresh_token="a-refresh-token")
    end_tokens()
    assert client.get("/api/recent/").status_code == 503


def test_requests_share_no_permission_object() -> None:
    permission = RequiresMfa(acr_values=[LEVEL_4])
    assert permission() is not permission
    assert permission().requirement == permission.requirement
