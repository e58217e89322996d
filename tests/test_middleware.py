import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from typing import Any

import asgiref.sync
import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory

from django_cognito.core.errors import CognitoError, CognitoUnavailableError, CredentialsError
from django_cognito.factories import discard_instances
from django_cognito.middleware import CognitoMiddleware
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.testing import make_token, sign_in
from tests.support.callers import SOME_BAD_ID_TOKENS, bearer, end_tokens, with_id_token
from tests.support.cases import cases
from tests.support.error_reports import report_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.entry_point_views"),
    pytest.mark.usefixtures("cognito_keys"),
]

VIEWS = ("/who/", "/who/class/", "/who/async/")
EACH_VIEW = pytest.mark.parametrize("url", VIEWS)
EACH_EXEMPT_VIEW = pytest.mark.parametrize("url", ["/exempt/", "/exempt/class/", "/exempt/async/"])
COGNITO = "django_cognito.middleware.CognitoMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"


def get_async(client: AsyncClient, url: str, **kwargs: Any) -> Any:
    return async_to_sync(client.get)(url, **kwargs)


def add_middleware_after(settings: Any, name: str, added: str) -> None:
    at = settings.MIDDLEWARE.index(name) + 1
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:at], added, *settings.MIDDLEWARE[at:]]


# Anonymous requests


def test_anonymous_request_makes_no_query(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/untouched/")
    assert not answer.wsgi_request.session.accessed
    assert "Vary" not in answer.headers
    assert answer.wsgi_request.cognito is not None


def test_request_cognito_of_an_anonymous_user_is_empty(client: Client) -> None:
    assert client.get("/cognito/").json() == {
        "user": "",
        "sub": None,
        "groups": [],
        "scopes": [],
        "pool": None,
        "is_machine": False,
        "is_bearer": False,
        "raw": "",
        "repr": "<RequestCognito None>",
    }


def test_anonymous_async_request_uses_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    thread_calls: list[object] = []
    run = asgiref.sync.SyncToAsync.__call__

    async def record_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        thread_calls.append(self.func)
        return await run(self, *args, **kwargs)

    async def view(request: Any) -> HttpResponse:
        return HttpResponse("hello")

    async def get_page() -> HttpResponse:
        request = AsyncRequestFactory().get("/untouched/")
        request.user, request.auser, request.session = AnonymousUser(), None, SessionBase()  # type: ignore[assignment]
        return await CognitoMiddleware(view)(request)  # type: ignore[misc, return-value]

    monkeypatch.setattr(asgiref.sync.SyncToAsync, "__call__", record_call)
    assert async_to_sync(get_page)().content == b"hello"
    assert thread_calls == []


# A bearer token on a plain view


@EACH_VIEW
@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_bearer_token_authenticates_its_user(client_class: Callable[[], Any], url: str) -> None:
    client, headers = client_class(), bearer(make_token())
    answer = (
        get_async(client, url, headers=headers) if isinstance(client, AsyncClient) else client.get(url, headers=headers)
    )
    assert answer.content == b"alice"


@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_invalid_bearer_token_is_401(client_class: Callable[[], Any]) -> None:
    with cases() as case:
        for url, raw in product(VIEWS, ("bad", "", "é", "a\x00b")):
            with case(f"{raw!r} at {url}"):
                client, headers = client_class(), bearer(raw)
                get = partial(get_async, client) if isinstance(client, AsyncClient) else client.get
                answer = get(url, headers=headers)
                assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
                assert answer["Cache-Control"] == "no-store"
                assert set(answer.json()) == {"detail", "code", "login_url"}


@pytest.mark.defends("RP-23")
@EACH_VIEW
def test_invalid_token_with_a_session_cookie_is_401(url: str) -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client, "carol")
    assert client.get(url, headers=bearer("bad")).status_code == 401
    if url == "/who/class/":
        assert client.post(url, headers=bearer("bad")).status_code == 401


@EACH_VIEW
def test_valid_token_with_a_session_cookie_is_the_tokens_user(client: Client, url: str) -> None:
    sign_in(client, "carol")
    assert client.get(url, headers=bearer(make_token())).content == b"alice"


def test_bearer_request_reads_no_session(client: Client, django_assert_num_queries: Any) -> None:
    moment = int(time.time())  # of both tokens: a newer one would update the link's `as_of`
    sign_in(client, iat=moment)
    with django_assert_num_queries(1):  # the user
        answer = client.get("/who/", headers=bearer(make_token(iat=moment)))
    assert not answer.wsgi_request.session.accessed


@pytest.mark.usefixtures("editors_may_change_groups")
def test_has_perm_of_a_cognito_group_makes_no_query(client: Client, django_assert_num_queries: Any) -> None:
    raw = make_token(groups=["editors"])
    client.get("/untouched/", headers=bearer(raw))
    with django_assert_num_queries(1):  # the user
        assert client.get("/may/", headers=bearer(raw)).content == b"True"


@pytest.mark.usefixtures("editors_may_change_groups")
def test_has_perm_needs_no_thread_in_an_async_view(async_client: AsyncClient) -> None:
    raw = make_token(groups=["editors"])
    assert get_async(async_client, "/may/async/", headers=bearer(raw)).content == b"True"


def test_bearer_post_needs_no_csrf_token() -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client, "carol")
    assert client.post("/who/class/").status_code == 403
    assert client.post("/who/class/", headers=bearer(make_token())).content == b"alice"


def test_unavailable_keys_are_503(client: Client, cognito_down: None) -> None:
    discard_instances()  # the pinned keys too
    answer = client.get("/who/", headers=bearer(make_token()))
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")
    assert int(answer["Retry-After"]) > 0
    answer = get_async(AsyncClient(), "/who/async/", headers=bearer(make_token()))
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")


def test_machine_to_machine_client_is_authenticated(client: Client) -> None:
    data = client.get("/cognito/", headers=bearer(make_token(username=None, scope="orders/read"))).json()
    assert (data["user"], data["is_machine"], data["scopes"]) == ("1testclient23456789", True, ["orders/read"])


def test_another_authorization_scheme_leaves_the_session(client: Client) -> None:
    sign_in(client, "carol")
    assert client.get("/who/", headers={"authorization": "Basic YTpi"}).content == b"carol"


@pytest.mark.defends("RP-23")
def test_two_authorization_headers_are_rejected(client: Client) -> None:
    sign_in(client, "carol")
    for first in ("Basic YTpi", f"Bearer {make_token()}"):
        both = f"{first}, Bearer {make_token()}"
        assert client.get("/who/", headers={"authorization": both}).status_code == 401


@pytest.mark.parametrize("header", ["Bearer\xa0{}", "Bearer {}\x85", "\x1cBearer {}", "Bearer\x0b{}", ", Bearer {}"])
def test_bearer_header_with_other_whitespace_is_rejected(client: Client, header: str) -> None:
    sign_in(client, "carol")
    assert client.get("/who/", headers={"authorization": header.format(make_token())}).status_code == 401


@pytest.mark.defends("RP-23")
def test_access_token_in_the_query_is_ignored(client: Client) -> None:
    assert client.get("/who/", {"access_token": make_token()}).content == b"nobody"


@pytest.mark.defends("RP-22")
@pytest.mark.django_db(transaction=True)
def test_token_is_used_by_many_threads_at_once() -> None:
    raw = make_token(groups=["editors"])

    def call(_: int) -> Any:
        try:
            return Client().get("/cognito/", headers=bearer(raw)).json()
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(call, range(32)))
    assert {(data["user"], *data["groups"]) for data in answers} == {("alice", "editors")}
    assert CognitoUser.objects.count() == get_user_model().objects.count() == 1


# The ID token header


@EACH_VIEW
@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_id_token_of_the_same_sign_in_is_accepted(client_class: Callable[[], Any], url: str) -> None:
    client, headers = client_class(), with_id_token(make_token(), make_token(token_use="id", given_name="Alice"))
    answer = (
        get_async(client, url, headers=headers) if isinstance(client, AsyncClient) else client.get(url, headers=headers)
    )
    assert answer.content == b"alice"
    assert get_user_model().objects.get().first_name == "Alice"


@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_id_token_of_another_sign_in_is_401(client_class: Callable[[], Any]) -> None:
    """Each token at a view of the client's own kind, and one token at each other view."""
    own_url = "/who/async/" if client_class is AsyncClient else "/who/"
    attempts = [(own_url, name) for name in SOME_BAD_ID_TOKENS]
    attempts += [(url, "another sign-in's") for url in VIEWS if url != own_url]
    with cases() as case:
        for url, name in attempts:
            id_token, code = SOME_BAD_ID_TOKENS[name]
            with case(f"{name} at {url}"):
                client, headers = client_class(), with_id_token(make_token(), id_token())
                get = partial(get_async, client) if isinstance(client, AsyncClient) else client.get
                answer = get(url, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (401, code)
                assert answer["WWW-Authenticate"] == 'Bearer error="invalid_token"'
                assert not get_user_model().objects.exists()


@EACH_VIEW
@pytest.mark.parametrize("id_token", ["", "no token"])
def test_id_token_without_a_bearer_token_is_ignored(client: Client, url: str, id_token: str) -> None:
    assert client.get(url, headers={"x-cognito-id-token": id_token}).content == b"nobody"
    sign_in(client, "carol")
    assert client.get(url, headers={"x-cognito-id-token": id_token}).content == b"carol"


def test_unchanged_access_and_id_token_make_one_query(client: Client, django_assert_num_queries: Any) -> None:
    headers = with_id_token(make_token(groups=["editors"]), make_token(token_use="id", groups=["editors"]))
    client.get("/who/", headers=headers)
    with django_assert_num_queries(1):
        assert client.get("/who/", headers=headers).content == b"alice"


# bearer_exempt


def test_exempt_view_with_any_id_token_is_anonymous(client: Client) -> None:
    assert client.get("/exempt/", headers=with_id_token("x", "y")).content == b"nobody"


@EACH_EXEMPT_VIEW
@pytest.mark.parametrize("raw_of", [lambda: "another library's", make_token])
def test_exempt_view_with_any_bearer_token_is_anonymous(client: Client, url: str, raw_of: Any) -> None:
    sign_in(client, "carol")
    assert client.get(url, headers=bearer(raw_of())).content == b"nobody"
    assert get_async(AsyncClient(), url, headers=bearer(raw_of())).content == b"nobody"


@pytest.mark.parametrize("order", ["csrf first", "csrf last"])
def test_exempt_view_has_its_csrf_check(settings: Any, order: str) -> None:
    if order == "csrf last":
        settings.MIDDLEWARE = [*(name for name in settings.MIDDLEWARE if name != CSRF), CSRF]
    headers, client, aclient = bearer("x"), Client(enforce_csrf_checks=True), AsyncClient(enforce_csrf_checks=True)
    assert client.post("/exempt/class/", headers=headers).status_code == 403
    assert async_to_sync(aclient.post)("/exempt/async/", headers=headers).status_code == 403
    client.cookies["csrftoken"] = token = "a" * 32
    assert client.post("/exempt/class/", headers={**headers, "x-csrftoken": token}).status_code == 200


def test_exempt_view_has_no_csrf_check_in_the_test_client(client: Client) -> None:
    assert client.post("/exempt/class/", headers=bearer("x")).status_code == 200


def test_csrf_failure_view_may_read_the_database_in_async(settings: Any) -> None:
    settings.CSRF_FAILURE_VIEW = "tests.support.entry_point_views.csrf_failed"
    client = AsyncClient(enforce_csrf_checks=True)
    answer = async_to_sync(client.post)("/exempt/async/", headers=bearer("x"))
    assert (answer.status_code, answer.content) == (403, b"one of 0 users")


# Sessions


def test_session_request_makes_as_many_queries_as_django(client: Client, django_assert_num_queries: Any) -> None:
    sign_in(client, groups=["editors"])
    with django_assert_num_queries(2):  # the session; the login and the user
        data = client.get("/cognito/").json()
    assert (data["user"], data["groups"], data["is_bearer"]) == ("alice", ["editors"], False)
    assert data["raw"].count(".") == 2
    with django_assert_num_queries(0):
        client.get("/untouched/")


def test_async_session_request_makes_two_queries(async_client: AsyncClient, django_assert_num_queries: Any) -> None:
    sign_in(async_client, groups=["editors"])
    with django_assert_num_queries(2):
        data = get_async(async_client, "/cognito/async/").json()
    assert (data["user"], data["groups"]) == ("alice", ["editors"])


@pytest.mark.usefixtures("editors_may_change_groups")
def test_has_perm_after_auser_works_in_an_async_view(async_client: AsyncClient) -> None:
    sign_in(async_client, groups=["editors"])
    assert get_async(async_client, "/may/async/").content == b"True"


def test_session_is_loaded_once_for_sync_and_async_access(
    async_client: AsyncClient, django_assert_num_queries: Any
) -> None:
    sign_in(async_client)
    with django_assert_num_queries(2):
        assert get_async(async_client, "/who/sync-then-async/").content == b"alice"


def test_user_set_by_the_view_is_not_replaced(async_client: AsyncClient) -> None:
    sign_in(async_client)
    assert get_async(async_client, "/who/replaced/").content == b"eve, alice"
    assert get_async(async_client, "/who/replaced/sync/").content == b"alice, eve"


@pytest.mark.parametrize("loss", ["deleted", "of another user", "unreadable"])
@EACH_VIEW
def test_session_without_its_login_is_ended(client: Client, url: str, loss: str) -> None:
    sign_in(Client(), "bob")
    sign_in(client, "alice")
    alices = CognitoLogin.objects.filter(cognito_user__username="alice")
    if loss == "deleted":
        alices.delete()
    elif loss == "unreadable":
        alices.update(tokens=b"no tokens")
    else:
        alices.update(cognito_user=CognitoUser.objects.get(username="bob"))
    assert client.get(url).content == b"nobody"
    assert not client.session.keys()


def test_session_with_a_local_password_is_unchanged(
    client: Client, async_client: AsyncClient, django_user_model: Any
) -> None:
    user = django_user_model.objects.create_user("local", password="a local password")
    for each_client in (client, async_client):
        assert each_client.login(username="local", password="a local password")
    assert client.get("/cognito/").json()["sub"] is None
    assert get_async(async_client, "/who/async/").content == user.username.encode()


@pytest.mark.usefixtures("editors_may_change_groups")
def test_session_with_a_local_password_has_stored_permissions(client: Client) -> None:
    user = sign_in(Client(), groups=["editors"])
    user.set_password("a local password")
    user.save()
    assert client.login(username="alice", password="a local password")
    assert client.get("/may/").content == b"True"


@pytest.mark.usefixtures("editors_may_change_groups", "cognito_down")
@pytest.mark.parametrize("url", ["/cognito/", "/may/", "/may/template/", "/edit/", "/order/"])
def test_expired_session_with_cognito_rights_is_503_in_an_outage(client: Client, url: str) -> None:
    sign_in(client, groups=["editors"], refresh_token="a refresh token")
    end_tokens()
    answer = client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")
    assert int(answer["Retry-After"]) > 0


@pytest.mark.usefixtures("editors_may_change_groups", "cognito_down")
@pytest.mark.parametrize("url", ["/cognito/async/", "/may/async/", "/edit/async/"])
def test_expired_async_session_with_cognito_rights_is_503_in_outage(async_client: AsyncClient, url: str) -> None:
    sign_in(async_client, groups=["editors"], refresh_token="a refresh token")
    end_tokens()
    assert get_async(async_client, url).status_code == 503


@pytest.mark.usefixtures("cognito_down")
@EACH_VIEW
def test_session_with_expired_tokens_still_has_its_user(client: Client, url: str) -> None:
    sign_in(client, refresh_token="a refresh token")
    end_tokens()
    assert client.get(url).content == b"alice"
    assert CognitoLogin.objects.count() == 1


def test_user_set_by_an_earlier_middleware_is_not_replaced(client: Client, settings: Any) -> None:
    add_middleware_after(
        settings,
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "tests.support.entry_point_views.sign_in_eve",
    )
    assert client.get("/who/").content == b"eve"


@pytest.mark.defends("RP-20")
@pytest.mark.parametrize("url", ["/who/", "/who/async/", "/api/"])
@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_report_of_a_server_error_has_no_token(
    client_class: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr("django_cognito.users.authentication.get_token_user", _fail)
    raws, client = (make_token(), make_token(token_use="id")), client_class()
    get: Any = partial(get_async, client) if isinstance(client, AsyncClient) else client.get
    with pytest.raises(RuntimeError) as caught:
        get(url, headers=with_id_token(*raws))
    report = report_of(caught.value, RequestFactory().get(url))
    assert "the database is on fire" in report
    assert [raw for raw in raws if raw.rpartition(".")[2] in report] == []


def _fail(*_: Any) -> Any:
    raise RuntimeError("the database is on fire")


@pytest.mark.parametrize("error", [CredentialsError("why", aws_code="X"), CognitoUnavailableError("why")])
def test_handled_exception_is_logged_with_code_and_message(
    caplog: pytest.LogCaptureFixture, error: CognitoError
) -> None:
    answer = CognitoMiddleware(lambda request: HttpResponse()).process_exception(HttpRequest(), error)
    assert answer is not None
    assert (json.loads(answer.content)["code"], caplog.messages) == (error.code, [f"{error.code}: why"])


def test_other_exceptions_are_not_handled() -> None:
    assert CognitoMiddleware(lambda request: HttpResponse()).process_exception(None, ValueError()) is None  # type: ignore[arg-type]


# Other middleware


@pytest.mark.parametrize("url", ["/who/class/", "/api/"])
def test_token_of_a_later_middleware_is_authenticated(client: Client, settings: Any, url: str) -> None:
    add_middleware_after(settings, COGNITO, "tests.support.entry_point_views.token_in_a_cookie")
    sign_in(client, "carol")
    client.cookies["token"] = make_token()
    assert "alice" in client.get(url).content.decode()
    client.cookies["token"] = "bad"
    assert client.get(url).status_code == 401


@pytest.mark.defends("RP-23")
def test_token_of_a_later_middleware_needs_a_csrf_token(settings: Any) -> None:
    add_middleware_after(settings, COGNITO, "tests.support.entry_point_views.token_in_a_cookie")
    client = Client(enforce_csrf_checks=True)
    client.cookies["token"] = make_token()
    assert client.post("/who/class/").status_code == 403


def test_login_required_middleware_accepts_bearer_tokens(client: Client, settings: Any) -> None:
    add_middleware_after(settings, COGNITO, "django.contrib.auth.middleware.LoginRequiredMiddleware")
    assert client.get("/who/", headers=bearer(make_token())).content == b"alice"
    assert client.get("/who/", headers=bearer("bad")).status_code == 401
    assert client.get("/who/").status_code == 302
    assert get_async(AsyncClient(), "/who/async/", headers=bearer(make_token())).content == b"alice"


@pytest.mark.urls("tests.urls")
@pytest.mark.usefixtures("editors_may_change_groups")
def test_admin_is_open_to_staff_of_cognito_groups(client: Client) -> None:
    sign_in(client, "alice", groups=["editors"])
    assert client.get("/admin/").status_code == 302
    sign_in(client, "carol", groups=["admins"])
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/auth/group/").status_code == 200
    assert client.get("/admin/auth/user/").status_code == 403


@pytest.mark.usefixtures("editors_may_change_groups")
def test_perms_in_templates_include_cognito_groups(client: Client) -> None:
    assert client.get("/may/template/").content == b"False"
    sign_in(client, groups=["editors"])
    assert client.get("/may/template/").content == b"True"


@pytest.mark.defends("RP-21")
def test_response_that_depends_on_the_caller_has_vary(client: Client) -> None:
    assert client.get("/untouched/", headers=bearer(make_token()))["Vary"] == "Cookie, Authorization"
    assert client.get("/who/", headers=bearer("bad"))["Vary"] == "Cookie, Authorization"
    assert client.get("/who/")["Vary"] == "Cookie, Authorization"  # an anonymous user that was read
    sign_in(client)
    assert client.get("/who/")["Vary"] == "Cookie, Authorization"
    assert "Vary" not in client.get("/untouched/").headers


@pytest.mark.defends("RP-21")
def test_page_cache_separates_users(settings: Any) -> None:
    cache.clear()
    settings.MIDDLEWARE = [
        "django.middleware.cache.UpdateCacheMiddleware",
        *settings.MIDDLEWARE,
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]
    carol, anonymous_client = Client(), Client()
    sign_in(carol, "carol")
    alice, bob = (bearer(make_token(username=name)) for name in ("alice", "bob"))
    for _ in range(3):
        assert anonymous_client.get("/who/").content == b"nobody"
        assert anonymous_client.get("/who/", headers=alice).content == b"alice"
        assert carol.get("/who/").content == b"carol"
        assert anonymous_client.get("/who/", headers=bob).content == b"bob"
        assert carol.get("/who/", headers=alice).content == b"alice"
    cache.clear()
