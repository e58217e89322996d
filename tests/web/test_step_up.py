"""Views that require a recent sign-in or a second factor: pages, scripts and bearer tokens."""

import time
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client
from django.utils.http import urlencode

from django_cognito.decorators import recent_sign_in_required
from django_cognito.testing import make_token, sign_in
from tests.support.callers import bearer, end_tokens
from tests.support.scenarios.login import read_query
from tests.support.step_up_site import LEVEL_4

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.step_up_site"),
    pytest.mark.usefixtures("cognito_keys"),
]

BOTH_LEVELS = "urn:cognito:loa:4 urn:cognito:loa:3"
EACH_CLIENT = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
LOGIN_URL = "/auth/step-up/"
MFA = {"acr": "urn:cognito:loa:3", "amr": ["pwd", "sms", "mfa"]}


def minutes_ago(minutes: int) -> dict[str, int]:
    return {"auth_time": int(time.time()) - 60 * minutes}


def call(page: str, is_async: bool = False, session: Any = None, query: str = "", **options: Any) -> Any:
    """Request a page; with `session` as the session of a user with these claims."""
    client = AsyncClient() if is_async else Client()
    if session is not None:
        sign_in(client, **session)  # type: ignore[arg-type]
    url = f"/{page}/{'async/' if is_async else ''}{query}"
    return async_to_sync(client.get)(url, **options) if isinstance(client, AsyncClient) else client.get(url, **options)


# Pages


@EACH_CLIENT
@pytest.mark.parametrize(
    ("page", "claims"),
    [("recent", {}), ("mfa", MFA), ("totp", {"acr": LEVEL_4}), ("sometimes", {}), ("mfa-recent", MFA)],
)
def test_sufficient_sign_in_gets_the_page(page: str, claims: Any, is_async: bool) -> None:
    assert call(page, is_async, claims).content == b"alice"


@EACH_CLIENT
@pytest.mark.parametrize(
    ("page", "claims", "params"),
    [
        ("recent", minutes_ago(6), {"max_age": "300"}),
        ("mfa", {}, {"acr_values": BOTH_LEVELS}),
        ("totp", MFA, {"acr_values": LEVEL_4}),
        ("mfa-recent", {**MFA, **minutes_ago(6)}, {"max_age": "300", "acr_values": BOTH_LEVELS}),
        ("mfa-recent", {}, {"max_age": "300", "acr_values": BOTH_LEVELS}),
    ],
)
def test_page_sends_the_user_to_a_new_sign_in_and_back(page: str, claims: Any, params: Any, is_async: bool) -> None:
    answer = call(page, is_async, claims, "?page=2")
    suffix = "async/" if is_async else ""
    assert answer["Location"].startswith(f"{LOGIN_URL}?")
    assert read_query(answer["Location"]) == {**params, "next": f"/{page}/{suffix}?page=2"}


@EACH_CLIENT
def test_step_up_url_requires_the_password_at_cognito(is_async: bool) -> None:
    params = read_query(Client().get(call("recent", is_async, minutes_ago(6))["Location"])["Location"])
    assert (params["prompt"], params["max_age"]) == ("login", "300")


def test_refresh_is_no_sign_in() -> None:
    """The tokens are new, and `auth_time` is that of the sign-in."""
    assert call("recent", session={**minutes_ago(6), "iat": int(time.time())}).status_code == 302


@EACH_CLIENT
def test_when_decides_whether_mfa_is_required(is_async: bool) -> None:
    assert call("sometimes", is_async, {}).status_code == 200
    assert call("sometimes", is_async, {}, "?secret=1").status_code == 302
    assert call("sometimes", is_async).content == b"nobody"  # not required, and no login either


@EACH_CLIENT
def test_anonymous_user_needs_one_sign_in(is_async: bool) -> None:
    url = call("mfa", is_async)["Location"]
    assert url.startswith("/auth/login/?")
    assert read_query(url) == {"next": f"/mfa/{'async/' if is_async else ''}", "acr_values": BOTH_LEVELS}


def test_anonymous_user_keeps_the_query_of_the_login_url(settings: Any) -> None:
    settings.LOGIN_URL = "/choose/?from=here"
    assert read_query(call("recent")["Location"]) == {"from": "here", "max_age": "300", "next": "/recent/"}


@EACH_CLIENT
@pytest.mark.parametrize("page", ["recent", "mfa"])
def test_local_password_is_no_sign_in_at_cognito(page: str, is_async: bool) -> None:
    client = AsyncClient() if is_async else Client()
    user = User.objects.create_user("her", password="her own")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    url = f"/{page}/{'async/' if is_async else ''}"
    answer = async_to_sync(client.get)(url) if isinstance(client, AsyncClient) else client.get(url)
    assert answer["Location"].startswith(f"{LOGIN_URL}?")


# Forms


@pytest.mark.parametrize(
    ("form", "referer", "next_url"),
    [
        ({"next": "/mine/"}, "http://testserver/form/", "/mine/"),
        ({}, "http://testserver/form/?id=1", "http://testserver/form/?id=1"),
        ({"next": "https://evil.example/"}, "http://testserver/form/", "http://testserver/form/"),
        ({"next": "//evil.example/"}, "https://evil.example/", "/"),
        ({}, "", "/"),
    ],
)
def test_post_returns_to_next_or_to_the_page_of_the_form(form: Any, referer: str, next_url: str) -> None:
    client = Client()
    sign_in(client, **minutes_ago(6))
    answer = client.post("/recent/", form, headers={"referer": referer} if referer else {})
    assert (answer.status_code, read_query(answer["Location"])["next"]) == (302, next_url)


# Scripts


@EACH_CLIENT
def test_script_gets_401_with_the_step_up_url(is_async: bool) -> None:
    answer = call("recent", is_async, minutes_ago(6), headers={"sec-fetch-mode": "cors"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "insufficient_user_authentication"
    assert (answer.json()["max_age"], answer.json()["login_url"]) == (300, f"{LOGIN_URL}?max_age=300")


def test_htmx_opens_the_step_up_url_and_returns_to_its_page() -> None:
    headers = {"hx-request": "true", "hx-current-url": "http://testserver/mine/?page=2"}
    answer = call("recent", session=minutes_ago(6), headers=headers)
    assert read_query(answer["HX-Redirect"]) == {"max_age": "300", "next": "/mine/?page=2"}
    assert answer.json()["login_url"] == answer["HX-Redirect"]


def test_anonymous_script_gets_401_with_the_step_up_url() -> None:
    answer = call("mfa", headers={"x-requested-with": "XMLHttpRequest"})
    assert (answer.status_code, answer.json()["login_url"]) == (
        401,
        f"{LOGIN_URL}?{urlencode({'acr_values': BOTH_LEVELS})}",
    )


# Bearer tokens


@EACH_CLIENT
def test_bearer_token_gets_the_challenge_of_rfc_9470(is_async: bool) -> None:
    answer = call("recent", is_async, headers=bearer(make_token(**minutes_ago(6))))
    assert (answer.status_code, answer.json()["code"]) == (401, "insufficient_user_authentication")
    assert answer["WWW-Authenticate"] == 'Bearer error="insufficient_user_authentication", max_age="300"'
    assert answer.json()["max_age"] == 300


@EACH_CLIENT
def test_bearer_token_without_mfa_gets_the_levels(is_async: bool) -> None:
    answer = call("mfa", is_async, headers=bearer(make_token()))
    challenge = f'Bearer error="insufficient_user_authentication", acr_values="{BOTH_LEVELS}"'
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, challenge)
    assert answer.json()["acr_values"] == BOTH_LEVELS


@EACH_CLIENT
@pytest.mark.parametrize(("page", "claims"), [("recent", {}), ("mfa", MFA)])
def test_bearer_token_with_the_claims_gets_the_page(page: str, claims: Any, is_async: bool) -> None:
    assert call(page, is_async, headers=bearer(make_token(**claims))).content == b"alice"


def test_id_token_beside_the_access_token_has_the_level() -> None:
    sign_in: Any = {"iat": int(time.time()), "auth_time": int(time.time())}  # the same, also at the end of a second
    id_token = make_token(token_use="id", **sign_in, **MFA)
    headers = {**bearer(make_token(**sign_in)), "x-cognito-id-token": id_token}
    assert call("mfa", headers=headers).content == b"alice"


@EACH_CLIENT
@pytest.mark.parametrize("page", ["recent", "mfa"])
def test_machine_to_machine_client_gets_403(page: str, is_async: bool) -> None:
    answer = call(page, is_async, headers=bearer(make_token(username=None, acr=LEVEL_4)))
    assert (answer.status_code, answer.json()["code"]) == (403, "user_required")


@EACH_CLIENT
def test_rejected_token_is_401_of_its_own(is_async: bool) -> None:
    answer = call("recent", is_async, headers=bearer(make_token(exp=int(time.time()) - 60)))
    assert (answer.status_code, answer.json()["code"]) == (401, "token_expired")


def test_users_of_a_load_balancer_cannot_sign_in_here(cognito: Any) -> None:
    cognito(TOKEN_SOURCES=["X-Amzn-Oidc-Accesstoken"])
    headers = {"x-amzn-oidc-accesstoken": make_token(**minutes_ago(6))}
    answer = call("recent", headers=headers)
    assert (answer.status_code, answer["Content-Type"]) == (403, "text/html; charset=utf-8")


# Settings and outages


@EACH_CLIENT
@pytest.mark.mistake("step-up on a site without `DOMAIN`", by="request")
def test_page_without_a_domain_is_403_and_logged(cognito: Any, caplog: Any, is_async: bool) -> None:
    cognito(DOMAIN="")
    answer = call("recent", is_async, minutes_ago(6))
    assert answer.status_code == 403
    assert "A page requires a new sign-in (sign_in_too_old)" in caplog.text
    assert "DOMAIN" in caplog.text


def test_view_without_the_middleware_is_misconfigured(settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Cognito" not in name]
    with pytest.raises(ImproperlyConfigured, match="requires CognitoMiddleware"):
        call("recent", session={})


@EACH_CLIENT
@pytest.mark.usefixtures("cognito_down")
def test_outage_is_503_and_no_refusal(is_async: bool) -> None:
    client = AsyncClient() if is_async else Client()
    sign_in(client, groups=["editors"], refresh_token="a-refresh-token", **minutes_ago(1))
    end_tokens()
    url = "/recent/async/" if is_async else "/recent/"
    answer = async_to_sync(client.get)(url) if isinstance(client, AsyncClient) else client.get(url)
    assert answer.status_code == 503


def test_decorator_without_parentheses_fails_at_import() -> None:
    with pytest.raises(TypeError, match="as an integer"):
        recent_sign_in_required(lambda request: None)  # type: ignore[arg-type]
