import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import asgiref.sync
import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory

from django_cognito.core.errors import CognitoError, CognitoUnavailableError, CredentialsError
from django_cognito.factories import reset
from django_cognito.middleware import CognitoMiddleware
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.testing import make_token, sign_in
from tests.support.callers import SOME_BAD_ID_TOKENS, bearer, end_tokens, with_id_token
from tests.support.error_reports import report_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.entry_point_views"),
    pytest.mark.usefixtures("cognito_keys"),
]

WHO = pytest.mark.parametrize("url", ["/who/", "/who/class/", "/who/async/"])
EXEMPT = pytest.mark.parametrize("url", ["/exempt/", "/exempt/class/", "/exempt/async/"])
OURS = "django_cognito.middleware.CognitoMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"


def aget(client: AsyncClient, url: str, **kwargs: Any) -> Any:
    return async_to_sync(client.get)(url, **kwargs)


def after(settings: Any, name: str, added: str) -> None:
    at = settings.MIDDLEWARE.index(name) + 1
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:at], added, *settings.MIDDLEWARE[at:]]


# A visitor


def test_a_visitor_costs_nothing(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/untouched/")
    assert not answer.wsgi_request.session.accessed
    assert "Vary" not in answer.headers
    assert answer.wsgi_request.cognito is not None


def test_a_visitor_who_is_looked_at_is_nobody(client: Client) -> None:
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


def test_a_visitor_changes_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    hops: list[object] = []
    run = asgiref.sync.SyncToAsync.__call__

    async def spy(self: Any, *args: Any, **kwargs: Any) -> Any:
        hops.append(self.func)
        return await run(self, *args, **kwargs)

    async def view(request: Any) -> HttpResponse:
        return HttpResponse("hello")

    async def visit() -> HttpResponse:
        request = AsyncRequestFactory().get("/untouched/")
        request.user, request.auser, request.session = AnonymousUser(), None, SessionBase()  # type: ignore[assignment]
        return await CognitoMiddleware(view)(request)  # type: ignore[misc, return-value]

    monkeypatch.setattr(asgiref.sync.SyncToAsync, "__call__", spy)
    assert async_to_sync(visit)().content == b"hello"
    assert hops == []


# A bearer token on a plain view


@WHO
@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_a_token_is_its_person(make: Callable[[], Any], url: str) -> None:
    client, headers = make(), bearer(make_token())
    answer = aget(client, url, headers=headers) if isinstance(client, AsyncClient) else client.get(url, headers=headers)
    assert answer.content == b"alice"


@WHO
@pytest.mark.parametrize("make", [Client, AsyncClient])
@pytest.mark.parametrize("raw", ["bad", "", "é", "a\x00b"])
def test_a_bad_token_is_401(make: Callable[[], Any], url: str, raw: str) -> None:
    client, headers = make(), bearer(raw)
    answer = aget(client, url, headers=headers) if isinstance(client, AsyncClient) else client.get(url, headers=headers)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert answer["Cache-Control"] == "no-store"
    assert set(answer.json()) == {"detail", "code"}


@pytest.mark.defends("RP-23")
@WHO
def test_a_cookie_and_a_bad_token_are_401(url: str) -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client, "carol")
    assert client.get(url, headers=bearer("bad")).status_code == 401
    if url == "/who/class/":
        assert client.post(url, headers=bearer("bad")).status_code == 401


@WHO
def test_a_cookie_and_a_good_token_are_the_tokens_person(client: Client, url: str) -> None:
    sign_in(client, "carol")
    assert client.get(url, headers=bearer(make_token())).content == b"alice"


def test_a_token_reads_no_session(client: Client, django_assert_num_queries: Any) -> None:
    moment = int(time.time())  # of both tokens: a newer one would move the link's `as_of`, by one UPDATE
    sign_in(client, iat=moment)
    with django_assert_num_queries(1):  # the person
        answer = client.get("/who/", headers=bearer(make_token(iat=moment)))
    assert not answer.wsgi_request.session.accessed


@pytest.mark.usefixtures("editors_may_change_groups")
def test_has_perm_by_a_cognito_group_costs_no_query(client: Client, django_assert_num_queries: Any) -> None:
    raw = make_token(groups=["editors"])
    client.get("/untouched/", headers=bearer(raw))
    with django_assert_num_queries(1):  # the person
        assert client.get("/may/", headers=bearer(raw)).content == b"True"


@pytest.mark.usefixtures("editors_may_change_groups")
def test_has_perm_needs_no_thread_in_an_async_view(async_client: AsyncClient) -> None:
    raw = make_token(groups=["editors"])
    assert aget(async_client, "/may/async/", headers=bearer(raw)).content == b"True"


def test_a_post_with_a_token_needs_no_csrf_token() -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client, "carol")
    assert client.post("/who/class/").status_code == 403
    assert client.post("/who/class/", headers=bearer(make_token())).content == b"alice"


def test_keys_that_cannot_be_had_are_503(client: Client, cognito_down: None) -> None:
    reset()  # the pinned keys too
    answer = client.get("/who/", headers=bearer(make_token()))
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")
    assert int(answer["Retry-After"]) > 0
    answer = aget(AsyncClient(), "/who/async/", headers=bearer(make_token()))
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")


def test_a_machine_is_a_caller_too(client: Client) -> None:
    said = client.get("/cognito/", headers=bearer(make_token(username=None, scope="orders/read"))).json()
    assert (said["user"], said["is_machine"], said["scopes"]) == ("1testclient23456789", True, ["orders/read"])


def test_another_scheme_is_left_to_others(client: Client) -> None:
    sign_in(client, "carol")
    assert client.get("/who/", headers={"authorization": "Basic YTpi"}).content == b"carol"


@pytest.mark.defends("RP-23")
def test_two_authorization_headers_are_refused(client: Client) -> None:
    sign_in(client, "carol")
    for first in ("Basic YTpi", f"Bearer {make_token()}"):
        both = f"{first}, Bearer {make_token()}"
        assert client.get("/who/", headers={"authorization": both}).status_code == 401


@pytest.mark.parametrize("header", ["Bearer\xa0{}", "Bearer {}\x85", "\x1cBearer {}", "Bearer\x0b{}", ", Bearer {}"])
def test_a_header_that_nobody_else_reads_as_a_bearer_token_is_refused(client: Client, header: str) -> None:
    sign_in(client, "carol")
    assert client.get("/who/", headers={"authorization": header.format(make_token())}).status_code == 401


@pytest.mark.defends("RP-23")
def test_a_token_in_the_query_is_ignored(client: Client) -> None:
    assert client.get("/who/", {"access_token": make_token()}).content == b"nobody"


@pytest.mark.defends("RP-22")
@pytest.mark.django_db(transaction=True)
def test_one_token_serves_many_threads_at_once() -> None:
    raw = make_token(groups=["editors"])

    def call(_: int) -> Any:
        try:
            return Client().get("/cognito/", headers=bearer(raw)).json()
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(call, range(32)))
    assert {(said["user"], *said["groups"]) for said in answers} == {("alice", "editors")}
    assert CognitoUser.objects.count() == get_user_model().objects.count() == 1


# The ID token beside it


@WHO
@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_an_id_token_of_the_same_sign_in_may_come_along(make: Callable[[], Any], url: str) -> None:
    client, headers = make(), with_id_token(make_token(), make_token(token_use="id", given_name="Alice"))
    answer = aget(client, url, headers=headers) if isinstance(client, AsyncClient) else client.get(url, headers=headers)
    assert answer.content == b"alice"
    assert get_user_model().objects.get().first_name == "Alice"


@WHO
@pytest.mark.parametrize("make", [Client, AsyncClient])
@pytest.mark.parametrize(("id_token", "code"), SOME_BAD_ID_TOKENS.values(), ids=SOME_BAD_ID_TOKENS)
def test_an_id_token_that_does_not_belong_is_401_also_where_nobody_uses_it(
    make: Callable[[], Any], url: str, id_token: Callable[[], str], code: str
) -> None:
    client, headers = make(), with_id_token(make_token(), id_token())
    answer = aget(client, url, headers=headers) if isinstance(client, AsyncClient) else client.get(url, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert not get_user_model().objects.exists()


@WHO
@pytest.mark.parametrize("id_token", ["", "no token"])
def test_without_a_bearer_token_an_id_token_is_not_looked_at(client: Client, url: str, id_token: str) -> None:
    assert client.get(url, headers={"x-cognito-id-token": id_token}).content == b"nobody"
    sign_in(client, "carol")
    assert client.get(url, headers={"x-cognito-id-token": id_token}).content == b"carol"


def test_two_steady_tokens_cost_one_query_as_one_does(client: Client, django_assert_num_queries: Any) -> None:
    headers = with_id_token(make_token(groups=["editors"]), make_token(token_use="id", groups=["editors"]))
    client.get("/who/", headers=headers)
    with django_assert_num_queries(1):
        assert client.get("/who/", headers=headers).content == b"alice"


# A view that looks at the header itself


def test_an_exempt_views_id_token_is_its_own_matter(client: Client) -> None:
    assert client.get("/exempt/", headers=with_id_token("x", "y")).content == b"nobody"


@EXEMPT
@pytest.mark.parametrize("raw_of", [lambda: "another library's", make_token])
def test_an_exempt_view_is_left_alone(client: Client, url: str, raw_of: Any) -> None:
    sign_in(client, "carol")
    assert client.get(url, headers=bearer(raw_of())).content == b"nobody"
    assert aget(AsyncClient(), url, headers=bearer(raw_of())).content == b"nobody"


@pytest.mark.parametrize("order", ["csrf first", "csrf last"])
def test_an_exempt_view_keeps_its_csrf_check(settings: Any, order: str) -> None:
    if order == "csrf last":
        settings.MIDDLEWARE = [*(name for name in settings.MIDDLEWARE if name != CSRF), CSRF]
    headers, client, aclient = bearer("x"), Client(enforce_csrf_checks=True), AsyncClient(enforce_csrf_checks=True)
    assert client.post("/exempt/class/", headers=headers).status_code == 403
    assert async_to_sync(aclient.post)("/exempt/async/", headers=headers).status_code == 403
    client.cookies["csrftoken"] = token = "a" * 32
    assert client.post("/exempt/class/", headers={**headers, "x-csrftoken": token}).status_code == 200


def test_an_exempt_view_is_not_checked_where_the_test_client_says_so(client: Client) -> None:
    assert client.post("/exempt/class/", headers=bearer("x")).status_code == 200


def test_the_page_of_a_failed_csrf_check_may_read_the_database_also_in_async(settings: Any) -> None:
    settings.CSRF_FAILURE_VIEW = "tests.support.entry_point_views.csrf_failed"
    client = AsyncClient(enforce_csrf_checks=True)
    answer = async_to_sync(client.post)("/exempt/async/", headers=bearer("x"))
    assert (answer.status_code, answer.content) == (403, b"one of 0 people")


# A session


def test_a_session_costs_djangos_queries_and_one(client: Client, django_assert_num_queries: Any) -> None:
    sign_in(client, groups=["editors"])
    with django_assert_num_queries(3):  # the session, the user, and the login
        said = client.get("/cognito/").json()
    assert (said["user"], said["groups"], said["is_bearer"]) == ("alice", ["editors"], False)
    assert said["raw"].count(".") == 2
    with django_assert_num_queries(0):
        client.get("/untouched/")


def test_a_session_in_an_async_view(async_client: AsyncClient, django_assert_num_queries: Any) -> None:
    sign_in(async_client, groups=["editors"])
    with django_assert_num_queries(3):
        said = aget(async_client, "/cognito/async/").json()
    assert (said["user"], said["groups"]) == ("alice", ["editors"])


@pytest.mark.usefixtures("editors_may_change_groups")
def test_after_auser_has_perm_does_no_io(async_client: AsyncClient) -> None:
    sign_in(async_client, groups=["editors"])
    assert aget(async_client, "/may/async/").content == b"True"


def test_a_session_is_loaded_once_whoever_looks_first(
    async_client: AsyncClient, django_assert_num_queries: Any
) -> None:
    sign_in(async_client)
    with django_assert_num_queries(3):
        assert aget(async_client, "/who/sync-then-async/").content == b"alice"


def test_a_user_whom_the_view_set_is_not_taken_back(async_client: AsyncClient) -> None:
    sign_in(async_client)
    assert aget(async_client, "/who/replaced/").content == b"eve, alice"
    assert aget(async_client, "/who/replaced/sync/").content == b"alice, eve"


@pytest.mark.parametrize("lost", ["deleted", "another person's", "unreadable"])
@WHO
def test_a_login_that_is_gone_ends_the_session(client: Client, url: str, lost: str) -> None:
    sign_in(Client(), "bob")
    sign_in(client, "alice")
    alices = CognitoLogin.objects.filter(cognito_user__username="alice")
    if lost == "deleted":
        alices.delete()
    elif lost == "unreadable":
        alices.update(tokens=b"not what was kept")
    else:
        alices.update(cognito_user=CognitoUser.objects.get(username="bob"))
    assert client.get(url).content == b"nobody"
    assert not client.session.keys()


def test_a_local_password_is_left_alone(client: Client, async_client: AsyncClient, django_user_model: Any) -> None:
    user = django_user_model.objects.create_user("local", password="a local password")
    for either in (client, async_client):
        assert either.login(username="local", password="a local password")
    assert client.get("/cognito/").json()["sub"] is None
    assert aget(async_client, "/who/async/").content == user.username.encode()


@pytest.mark.usefixtures("editors_may_change_groups")
def test_a_local_password_has_the_databases_rights(client: Client) -> None:
    user = sign_in(Client(), groups=["editors"])
    user.set_password("a local password")
    user.save()
    assert client.login(username="alice", password="a local password")
    assert client.get("/may/").content == b"True"


@pytest.mark.usefixtures("editors_may_change_groups", "cognito_down")
@pytest.mark.parametrize("url", ["/cognito/", "/may/", "/may/template/", "/edit/", "/order/"])
def test_expired_session_in_an_outage_gets_503_if_cognito_gave_rights(client: Client, url: str) -> None:
    sign_in(client, groups=["editors"], refresh_token="a refresh token")
    end_tokens()
    answer = client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")
    assert int(answer["Retry-After"]) > 0


@pytest.mark.usefixtures("editors_may_change_groups", "cognito_down")
@pytest.mark.parametrize("url", ["/cognito/async/", "/may/async/", "/edit/async/"])
def test_expired_async_session_in_an_outage_gets_503_if_cognito_gave_rights(
    async_client: AsyncClient, url: str
) -> None:
    sign_in(async_client, groups=["editors"], refresh_token="a refresh token")
    end_tokens()
    assert aget(async_client, url).status_code == 503


@pytest.mark.usefixtures("cognito_down")
@WHO
def test_a_session_whose_tokens_are_over_is_still_its_person(client: Client, url: str) -> None:
    sign_in(client, refresh_token="a refresh token")
    end_tokens()
    assert client.get(url).content == b"alice"
    assert CognitoLogin.objects.count() == 1


def test_a_user_whom_another_middleware_set_is_left_alone(client: Client, settings: Any) -> None:
    after(
        settings,
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "tests.support.entry_point_views.eve_is_here",
    )
    assert client.get("/who/").content == b"eve"


@pytest.mark.defends("RP-20")
@pytest.mark.parametrize("url", ["/who/", "/who/async/", "/api/"])
@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_the_report_of_a_server_error_tells_no_token(
    make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr("django_cognito.users.authentication.get_token_user", _on_fire)
    raws, client = (make_token(), make_token(token_use="id")), make()
    get: Any = partial(aget, client) if isinstance(client, AsyncClient) else client.get
    with pytest.raises(RuntimeError) as failed:
        get(url, headers=with_id_token(*raws))
    report = report_of(failed.value, RequestFactory().get(url))
    assert "the database is on fire" in report
    assert [raw for raw in raws if raw.rpartition(".")[2] in report] == []


def _on_fire(*_: Any) -> Any:
    raise RuntimeError("the database is on fire")


@pytest.mark.parametrize("error", [CredentialsError("why", aws_code="X"), CognitoUnavailableError("why")])
def test_whoever_runs_the_site_reads_why(caplog: pytest.LogCaptureFixture, error: CognitoError) -> None:
    answer = CognitoMiddleware(lambda request: HttpResponse()).process_exception(None, error)  # type: ignore[arg-type]
    assert answer is not None
    assert (json.loads(answer.content)["code"], caplog.messages) == (error.code, [f"{error.code}: why"])


def test_other_errors_are_not_ours() -> None:
    assert CognitoMiddleware(lambda request: HttpResponse()).process_exception(None, ValueError()) is None  # type: ignore[arg-type]


# Neighbours


@pytest.mark.parametrize("url", ["/who/class/", "/api/"])
def test_a_token_that_a_site_brings_later_than_us_is_its_person(client: Client, settings: Any, url: str) -> None:
    after(settings, OURS, "tests.support.entry_point_views.token_in_a_cookie")
    sign_in(client, "carol")
    client.cookies["token"] = make_token()
    assert "alice" in client.get(url).content.decode()
    client.cookies["token"] = "bad"
    assert client.get(url).status_code == 401


@pytest.mark.defends("RP-23")
def test_a_token_that_a_site_brings_later_than_us_suspends_no_csrf_check(settings: Any) -> None:
    after(settings, OURS, "tests.support.entry_point_views.token_in_a_cookie")
    client = Client(enforce_csrf_checks=True)
    client.cookies["token"] = make_token()
    assert client.post("/who/class/").status_code == 403


def test_login_required_lets_tokens_pass(client: Client, settings: Any) -> None:
    after(settings, OURS, "django.contrib.auth.middleware.LoginRequiredMiddleware")
    assert client.get("/who/", headers=bearer(make_token())).content == b"alice"
    assert client.get("/who/", headers=bearer("bad")).status_code == 401
    assert client.get("/who/").status_code == 302
    assert aget(AsyncClient(), "/who/async/", headers=bearer(make_token())).content == b"alice"


@pytest.mark.urls("tests.urls")
@pytest.mark.usefixtures("editors_may_change_groups")
def test_the_admin_opens_for_mapped_staff(client: Client) -> None:
    sign_in(client, "alice", groups=["editors"])
    assert client.get("/admin/").status_code == 302
    sign_in(client, "carol", groups=["admins"])
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/auth/group/").status_code == 200
    assert client.get("/admin/auth/user/").status_code == 403


@pytest.mark.usefixtures("editors_may_change_groups")
def test_perms_works_in_templates(client: Client) -> None:
    assert client.get("/may/template/").content == b"False"
    sign_in(client, groups=["editors"])
    assert client.get("/may/template/").content == b"True"


@pytest.mark.defends("RP-21")
def test_what_depends_on_the_caller_says_so(client: Client) -> None:
    assert client.get("/untouched/", headers=bearer(make_token()))["Vary"] == "Cookie, Authorization"
    assert client.get("/who/", headers=bearer("bad"))["Vary"] == "Cookie, Authorization"
    assert client.get("/who/")["Vary"] == "Cookie, Authorization"  # a visitor, looked at
    sign_in(client)
    assert client.get("/who/")["Vary"] == "Cookie, Authorization"
    assert "Vary" not in client.get("/untouched/").headers


@pytest.mark.defends("RP-21")
def test_djangos_page_cache_keeps_people_apart(settings: Any) -> None:
    cache.clear()
    settings.MIDDLEWARE = [
        "django.middleware.cache.UpdateCacheMiddleware",
        *settings.MIDDLEWARE,
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]
    carol, visitor = Client(), Client()
    sign_in(carol, "carol")
    alice, bob = (bearer(make_token(username=name)) for name in ("alice", "bob"))
    for _ in range(3):
        assert visitor.get("/who/").content == b"nobody"
        assert visitor.get("/who/", headers=alice).content == b"alice"
        assert carol.get("/who/").content == b"carol"
        assert visitor.get("/who/", headers=bob).content == b"bob"
        assert carol.get("/who/", headers=alice).content == b"alice"
    cache.clear()
