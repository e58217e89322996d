import logging
import time
from collections.abc import Callable
from itertools import product
from typing import Any

import asgiref.sync
import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer
from ninja.testing import TestAsyncClient, TestClient

from django_cognito.contrib.ninja import CognitoBearer, CognitoSession
from django_cognito.core.tokens.token import read_unverified
from django_cognito.factories import discard_instances
from django_cognito.testing import make_token, sign_in
from tests.support.callers import SOME_BAD_ID_TOKENS, bearer, end_tokens, with_id_token
from tests.support.cases import cases

from .ninja_site import api

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.contrib.ninja_site"),
    pytest.mark.usefixtures("cognito_keys"),
]

BOTH_ORDERS = pytest.mark.parametrize("name", ["bearer-first", "session-first"])
METHODS = pytest.mark.parametrize("method", ["get", "post"])
WITHOUT_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
Call = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Call:
    """Return a function that calls the sync or the async version of an operation: `call(client, "bearer", ...)`."""

    def send(client: Client, name: str, method: str = "get", prefix: str = "", **kwargs: Any) -> Any:
        if request.param == "sync":
            return getattr(client, method)(f"{prefix}/{name}/", **kwargs)
        async_client = AsyncClient(enforce_csrf_checks=client.handler.enforce_csrf_checks)
        async_client.cookies = client.cookies
        return async_to_sync(getattr(async_client, method))(f"{prefix}/{name}-async/", **kwargs)

    return send


@pytest.fixture(params=[True, False], ids=["with the middleware", "without it"])
def with_or_without_middleware(request: pytest.FixtureRequest, settings: Any) -> None:
    if not request.param:
        settings.MIDDLEWARE = WITHOUT_MIDDLEWARE


@pytest.fixture
def carol() -> Client:
    """Return a client with carol's session, which has no CSRF token."""
    client = Client(enforce_csrf_checks=True)
    sign_in(client, "carol", groups=["editors"])
    return client


@pytest.mark.defends("RP-23")
def test_invalid_token_with_a_session_cookie_is_401_and_anonymous(call: Call, carol: Client) -> None:
    with cases() as case:
        for name, method, raw in product(("bearer-first", "session-first"), ("get", "post"), ("bad", "a.b.c")):
            with case(f"{raw} to {method} of {name}"):
                answer = call(carol, name, method, headers=bearer(raw))
                assert (answer.status_code, answer.json()["code"]) == (401, "malformed_token")
                assert answer["WWW-Authenticate"] == 'Bearer error="invalid_token"'
                assert "carol" not in answer.content.decode()


@pytest.mark.defends("RP-23")
@BOTH_ORDERS
def test_invalid_token_with_a_cookie_is_401_without_middleware(
    call: Call, carol: Client, name: str, settings: Any
) -> None:
    settings.MIDDLEWARE = WITHOUT_MIDDLEWARE
    answer = call(carol, name, headers=bearer("bad"))
    assert (answer.status_code, answer.json()["code"]) == (401, "malformed_token")


@pytest.mark.defends("RP-23")
@pytest.mark.parametrize("name", ["session", "session-first", "bearer-first"])
def test_session_post_without_csrf_token_is_403(call: Call, carol: Client, name: str) -> None:
    answer = call(carol, name, "post")
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


@pytest.mark.defends("RP-23")
def test_session_alone_ignores_session_with_a_token(call: Call, carol: Client) -> None:
    answer = call(carol, "session", headers=bearer(make_token()))
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


@pytest.mark.defends("RP-23")
def test_ninjas_own_session_is_not_read_with_a_bad_token(call: Call, carol: Client) -> None:
    assert call(carol, "django-first", headers=bearer("bad")).status_code == 401


@pytest.mark.parametrize("name", ["session", "session-first", "bearer-first"])
def test_session_post_with_csrf_token_is_accepted(call: Call, carol: Client, name: str) -> None:
    carol.cookies["csrftoken"] = "c" * 32
    answer = call(carol, name, "post", headers={"x-csrftoken": "c" * 32})
    assert answer.json()["user"] == "carol"


@pytest.fixture
def behind_load_balancer(cognito: Any) -> dict[str, str]:
    """Return the headers that a load balancer adds to every request with its cookie, also to one of another site."""
    cognito(TOKEN_SOURCES=["X-Amzn-Oidc-Accesstoken"])
    return {"x-amzn-oidc-accesstoken": make_token()}


@pytest.mark.defends("RP-23")
@pytest.mark.usefixtures("with_or_without_middleware")
def test_load_balancer_post_without_csrf_token_is_403(call: Call, behind_load_balancer: dict[str, str]) -> None:
    with cases() as case:
        for name in ("bearer", "bearer-first", "session-first"):
            with case(name):
                answer = call(Client(enforce_csrf_checks=True), name, "post", headers=behind_load_balancer)
                assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


@pytest.mark.usefixtures("with_or_without_middleware")
def test_load_balancer_token_authenticates_its_user(call: Call, behind_load_balancer: dict[str, str]) -> None:
    client = Client(enforce_csrf_checks=True)
    assert call(client, "bearer", headers=behind_load_balancer).json()["user"] == "alice"
    client.cookies["csrftoken"] = "c" * 32
    headers = {**behind_load_balancer, "x-csrftoken": "c" * 32}
    assert call(client, "bearer", "post", headers=headers).json()["user"] == "alice"


@pytest.mark.defends("RP-21")
@pytest.mark.usefixtures("with_or_without_middleware")
def test_page_cache_separates_users_of_the_load_balancer(
    call: Call, behind_load_balancer: dict[str, str], settings: Any
) -> None:
    cache.clear()
    first, last = (f"django.middleware.cache.{name}CacheMiddleware" for name in ("Update", "FetchFrom"))
    settings.MIDDLEWARE = [first, *settings.MIDDLEWARE, last]
    for name in ("alice", "bob", "alice"):
        headers = {header: make_token(username=name) for header in behind_load_balancer}
        assert call(Client(), "bearer", headers=headers).json()["user"] == name
    cache.clear()


def test_session_alone_ignores_session_behind_a_load_balancer(
    call: Call, carol: Client, behind_load_balancer: dict[str, str]
) -> None:
    assert call(carol, "session", headers=behind_load_balancer).status_code == 401


def test_anonymous_post_without_csrf_token_is_401(call: Call) -> None:
    assert call(Client(enforce_csrf_checks=True), "session", "post").status_code == 401


@BOTH_ORDERS
def test_session_authenticates_its_user(call: Call, carol: Client, name: str) -> None:
    data = call(carol, name).json()
    assert (data["user"], data["auth"]) == ("carol", "User")
    assert data["sub"]


@METHODS
@BOTH_ORDERS
def test_valid_token_with_a_session_cookie_is_the_tokens_user(
    call: Call, carol: Client, name: str, method: str
) -> None:
    data = call(carol, name, method, headers=bearer(make_token())).json()
    assert (data["user"], data["auth"]) == ("alice", "AccessToken")


@METHODS
@pytest.mark.usefixtures("with_or_without_middleware")
def test_bearer_token_authenticates_its_user(call: Call, client: Client, method: str) -> None:
    data = call(client, "bearer", method, headers=bearer(make_token())).json()
    assert (data["user"], data["auth"]) == ("alice", "AccessToken")
    assert data["sub"]


def test_machine_to_machine_client_is_authenticated(call: Call, client: Client) -> None:
    assert call(client, "bearer", headers=bearer(make_token(username=None))).json()["auth"] == "ClientToken"


@pytest.mark.usefixtures("with_or_without_middleware")
def test_repeated_token_makes_one_query(client: Client, django_assert_num_queries: Any) -> None:
    headers = bearer(make_token())
    client.get("/bearer/", headers=headers)
    with django_assert_num_queries(1):
        client.get("/bearer/", headers=headers)


@pytest.mark.usefixtures("with_or_without_middleware")
def test_another_authorization_scheme_is_anonymous(
    call: Call, client: Client, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DEBUG = True  # Ninja's own HttpBearer then logs the header
    with cases() as case:
        for header in ("Basic YTpi", "Token abc", "Bearerabc"):
            with case(header):
                answer = call(client, "bearer", headers={"authorization": header})
                assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
                assert answer.json()["code"] == "not_authenticated"
                assert header.split()[-1] not in caplog.text


@pytest.mark.usefixtures("with_or_without_middleware")
def test_rejected_token_has_its_error_code(call: Call, client: Client) -> None:
    claims_by_code: dict[str, Any] = {
        "token_expired": {"exp": int(time.time()) - 60},
        "wrong_client": {"client_id": "another"},
        "wrong_token_use": {"token_use": "id"},
    }
    with cases() as case:
        for code, claims in claims_by_code.items():
            with case(code):
                answer = call(client, "bearer", headers=bearer(make_token(**claims)))
                assert (answer.status_code, answer.json()["code"]) == (401, code)
                challenge = 'Bearer error="invalid_token"'
                assert (answer["WWW-Authenticate"], answer["Cache-Control"]) == (challenge, "no-store")
                assert set(answer.json()) == {"detail", "code"}


@pytest.mark.usefixtures("with_or_without_middleware")
def test_id_token_of_another_sign_in_is_401(call: Call, client: Client) -> None:
    with cases() as case:
        for name, (id_token, code) in SOME_BAD_ID_TOKENS.items():
            with case(name):
                answer = call(client, "bearer", headers=with_id_token(make_token(), id_token()))
                assert (answer.status_code, answer.json()["code"]) == (401, code)
                assert not get_user_model().objects.exists()


RIGHTS: list[tuple[str, list[str], str, int]] = [
    ("edit", ["admins", "x"], "", 200),
    ("edit", ["Editors"], "", 403),
    ("order", [], "orders/write orders/read x", 200),
    ("order", [], "orders/read", 403),
    ("both", ["editors"], "orders/read", 200),
    ("both", ["editors"], "", 403),
    ("both", [], "orders/read", 403),
]


@pytest.mark.usefixtures("with_or_without_middleware")
def test_bearer_token_needs_a_group_and_all_scopes(call: Call, client: Client) -> None:
    with cases() as case:
        for number, (name, groups, scope, expected) in enumerate(RIGHTS):
            with case(f"{name} with {groups} and {scope!r}"):
                headers = bearer(make_token(username=f"user{number}", groups=groups, scope=scope))
                assert call(client, name, headers=headers).status_code == expected


@pytest.mark.parametrize(("name", "code"), [("edit", "group_required"), ("order", "scope_required")])
def test_missing_right_is_403_with_its_code(call: Call, client: Client, name: str, code: str) -> None:
    answer = call(client, name, headers=bearer(make_token()))
    assert (answer.status_code, answer.json()["code"]) == (403, code)
    challenge = 'Bearer error="insufficient_scope", scope="orders/read orders/write"'
    assert answer.get("WWW-Authenticate") == (challenge if name == "order" else None)


@pytest.mark.defends("RP-23")
def test_missing_group_of_a_token_is_not_that_of_the_session(call: Call, carol: Client) -> None:
    assert call(carol, "edit", headers=bearer(make_token())).status_code == 403


@pytest.mark.parametrize(("groups", "expected"), [(["editors"], 200), (["readers"], 403)])
def test_session_needs_a_group(call: Call, client: Client, groups: list[str], expected: int) -> None:
    sign_in(client, groups=groups)
    assert call(client, "edit").status_code == expected


@pytest.mark.usefixtures("with_or_without_middleware", "cognito_down")
def test_unavailable_keys_are_503(call: Call, client: Client) -> None:
    discard_instances()  # the pinned keys too
    answer = call(client, "bearer", headers=bearer(make_token()))
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")
    assert int(answer["Retry-After"]) > 0
    assert "WWW-Authenticate" not in answer


@pytest.mark.usefixtures("editors_may_change_groups", "cognito_down")
@pytest.mark.parametrize("name", ["session", "edit"])
@pytest.mark.parametrize("debug", [True, False])
def test_expired_session_with_cognito_rights_is_503_in_an_outage(
    call: Call, client: Client, name: str, debug: bool, settings: Any
) -> None:
    settings.DEBUG = debug
    sign_in(client, groups=["editors"], refresh_token="a refresh token")
    end_tokens()
    answer = call(client, name)
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")
    assert int(answer["Retry-After"]) > 0


@pytest.mark.parametrize("debug", [True, False])
def test_refused_credentials_in_an_operation_are_403(client: Client, settings: Any, debug: bool) -> None:
    settings.DEBUG = debug  # with DEBUG, Ninja itself responds to an error that it does not know
    settings.COGNITO = {
        **settings.COGNITO,
        "IDENTITY_POOL_ID": "eu-west-1:12345678-90ab-cdef-1234-567890abcdef",
    }
    answer = client.get("/aws/", headers=bearer(make_token(username=None)))
    assert answer.status_code == 403
    assert set(answer.json()) == {"detail", "code"}


def test_session_without_the_middleware_is_improperly_configured(call: Call, carol: Client, settings: Any) -> None:
    settings.MIDDLEWARE = WITHOUT_MIDDLEWARE
    with pytest.raises(ImproperlyConfigured, match="CognitoMiddleware"):
        call(carol, "session")


def test_without_error_handlers_the_status_stays(client: Client, settings: Any) -> None:
    settings.MIDDLEWARE = WITHOUT_MIDDLEWARE

    editor = make_token(username="bob", groups=["editors"])
    answers = [client.get("/without-handlers/who/", headers=bearer(raw)) for raw in ("bad", make_token(), editor)]
    assert [answer.status_code for answer in answers] == [401, 403, 200]
    assert set(answers[0].json()) == {"detail"}


def test_ninjas_test_client_sends_bearer_tokens() -> None:
    answer = TestClient(api).get("/bearer/", headers={"AUTHORIZATION": f"Bearer {make_token()}"})
    assert answer.json()["user"] == "alice"

    async def get_async() -> Any:
        return await TestAsyncClient(api).get("/bearer-async/", headers={"AUTHORIZATION": "Bearer bad"})

    answer = async_to_sync(get_async)()
    assert (answer.status_code, answer.json()["code"]) == (401, "malformed_token")


def test_public_operation_rejects_an_invalid_token(client: Client) -> None:
    assert client.get("/public/", headers=bearer("bad")).json()["code"] == "malformed_token"
    assert client.get("/public/").json() == "hello"


def test_exempt_api_authenticates_itself(call: Call, client: Client) -> None:
    assert client.get("/other/public/", headers=bearer("another token")).json() == "hello"
    assert call(client, "who", prefix="/other", headers=bearer(make_token())).json()["user"] == "alice"
    assert call(client, "who", prefix="/other", headers=bearer("bad")).status_code == 401


def test_async_operation_verifies_a_token_without_a_thread(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.MIDDLEWARE = []
    headers = bearer(make_token(username=None))  # the user of a machine-to-machine client needs no query
    thread_calls: list[object] = []
    run = asgiref.sync.SyncToAsync.__call__

    async def record_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        thread_calls.append(self.func)
        return await run(self, *args, **kwargs)

    monkeypatch.setattr(asgiref.sync.SyncToAsync, "__call__", record_call)
    answer = async_to_sync(AsyncClient().get)("/bearer-async/", headers=headers)
    assert answer.json()["auth"] == "ClientToken"
    assert [call for call in thread_calls if "django_cognito" in getattr(call, "__module__", "")] == []


@pytest.mark.parametrize("raw_of", [lambda: make_token(exp=1), lambda: make_token(client_id="another"), make_token])
def test_token_is_not_in_the_response_or_the_log(
    call: Call, client: Client, caplog: pytest.LogCaptureFixture, raw_of: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    raw = raw_of()
    answer = call(client, "edit", headers=bearer(raw))
    assert answer.status_code in (401, 403)
    assert raw.rpartition(".")[2] not in f"{answer.content!r} {answer.headers} {caplog.text}"


@pytest.mark.parametrize("kind", [CognitoBearer, CognitoSession])
@pytest.mark.parametrize("groups", ["editors", [""], [None], [["editors"]]])
def test_invalid_group_names_raise_type_error(kind: Any, groups: Any) -> None:
    with pytest.raises(TypeError, match="name"):
        kind(groups=groups)


def test_schema_has_the_bearer_and_the_session_scheme() -> None:
    schema = api.get_openapi_schema()
    assert schema["components"]["securitySchemes"]["CognitoBearer"] == {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
    }
    session = {"type": "apiKey", "in": "cookie", "name": "sessionid"}
    assert schema["components"]["securitySchemes"]["CognitoSession"] == session
    assert schema["paths"]["/bearer-first/"]["get"]["security"] == [{"CognitoBearer": []}, {"CognitoSession": []}]


def test_docs_page_sends_the_csrf_token(client: Client) -> None:
    assert "X-CSRFToken" in client.get("/docs").content.decode()


# Step-up


OLD: dict[str, Any] = {"auth_time": int(time.time()) - 3_000}
LEVEL_3: dict[str, Any] = {"acr": "urn:cognito:loa:3", "amr": ["pwd", "sms", "mfa"]}
LEVEL_4: dict[str, Any] = {"acr": "urn:cognito:loa:4"}


def test_sign_in_of_a_token_can_be_required(client: Client, call: Call) -> None:
    sign_ins: list[tuple[str, Any, int]] = [
        ("recent", {}, 200),
        ("recent", OLD, 401),
        ("mfa", LEVEL_3, 200),
        ("mfa", {}, 401),
        ("totp", LEVEL_4, 200),
        ("totp", LEVEL_3, 401),
        ("totp", {**LEVEL_4, **OLD}, 401),
    ]
    with cases() as case:
        for name, claims, status in sign_ins:
            with case(f"{name} with {claims}"):
                assert call(client, name, headers=bearer(make_token(**claims))).status_code == status


def test_sign_in_of_a_session_can_be_required(call: Call) -> None:
    sign_ins: list[tuple[str, Any, int]] = [
        ("recent", {}, 200),
        ("recent", OLD, 401),
        ("mfa", LEVEL_3, 200),
        ("mfa", {}, 401),
    ]
    with cases() as case:
        for name, claims, status in sign_ins:
            with case(f"{name} with {claims}"):
                client = Client()
                sign_in(client, **claims)
                assert call(client, name).status_code == status


def test_required_sign_in_is_in_the_challenge(client: Client, call: Call) -> None:
    answer = call(client, "totp", headers=bearer(make_token()))
    params = 'max_age="300", acr_values="urn:cognito:loa:4"'
    assert answer["WWW-Authenticate"] == f'Bearer error="insufficient_user_authentication", {params}'
    assert (answer.json()["code"], answer.json()["max_age"]) == ("insufficient_user_authentication", 300)


def test_machine_to_machine_client_has_no_sign_in(client: Client, call: Call) -> None:
    answer = call(client, "recent", headers=bearer(make_token(username=None)))
    assert (answer.status_code, answer.json()["code"]) == (403, "user_required")


def test_acr_values_of_an_operation_are_checked() -> None:
    with pytest.raises(TypeError, match="list of at least one"):
        CognitoBearer(requires_mfa=True, acr_values="urn:cognito:loa:4")


@pytest.mark.usefixtures("with_or_without_middleware")
def test_operation_can_require_a_live_check(client: Client, call: Call, cognito: Any) -> None:
    scope = "aws.cognito.signin.user.admin"
    raw = make_token(scope=scope)
    user = {"UserAttributes": [{"Name": "sub", "Value": read_unverified(raw)["sub"]}]}
    with ScriptedServer(json_answer(user)) as api:
        cognito(ENDPOINT_URL=api.url)
        assert [call(client, "live", headers=bearer(raw)).json()["user"] for _ in range(2)] == ["alice"] * 2
        assert api.count == 1
        api.script(Answer(500))
        answer = call(client, "live", headers=bearer(make_token(scope=scope)))
        assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")
        api.script(json_answer({"__type": "UserNotFoundException"}, 400))
        answer = call(client, "live", headers=bearer(make_token(scope=scope)))
        assert (answer.status_code, answer.json()["code"]) == (401, "user_disabled_in_cognito")
        answer = call(client, "live", headers=bearer(make_token(username="bob")))
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_required")


def test_live_check_ends_the_session_of_an_operation(client: Client, call: Call, cognito: Any) -> None:
    with ScriptedServer(json_answer({"__type": "UserNotFoundException"}, 400)) as api:
        cognito(ENDPOINT_URL=api.url)
        sign_in(client, scope="aws.cognito.signin.user.admin")
        answer = call(client, "live")
    assert (answer.status_code, answer.json()["code"]) == (401, "login_ended")
    assert call(client, "session").status_code == 401


def test_arguments_of_a_live_check_are_checked() -> None:
    with pytest.raises(ValueError, match="GetUser returns no groups"):
        CognitoBearer(live_check={"groups": ["editors"]})
    with pytest.raises(TypeError, match="unexpected keyword"):
        CognitoSession(live_check={"second": 5})  # type: ignore[typeddict-unknown-key]
