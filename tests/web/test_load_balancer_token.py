"""A token that an AWS load balancer adds to every request with its cookie: a cross-site form carries it too."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.http import HttpResponse
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_page
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.vary import vary_on_headers
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.response import Response
from rest_framework.views import APIView

from django_cognito.drf import CognitoAuthentication
from django_cognito.models import CognitoUser
from django_cognito.testing import make_token, sign_in
from django_cognito.web.bearer import find_token
from tests.support import entry_point_views, source
from tests.support.callers import bearer, with_id_token
from tests.support.cases import cases

HEADER = "X-Amzn-Oidc-Accesstoken"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
COGNITO = "django_cognito.middleware.CognitoMiddleware"
CSRF_TOKEN = "a" * 32
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls(__name__),
    pytest.mark.usefixtures("cognito_keys", "load_balancer"),
]


class CreateUser(APIView):
    """An API whose POST writes a row."""

    authentication_classes = [CognitoAuthentication]

    def get(self, request: Any) -> Response:
        return Response(request.user.get_username())

    def post(self, request: Any) -> Response:
        get_user_model().objects.create(username="written")
        return Response(request.user.get_username())


class SessionFirst(CreateUser):
    authentication_classes = [SessionAuthentication, CognitoAuthentication]


class BasicFirst(CreateUser):
    authentication_classes = [BasicAuthentication, CognitoAuthentication]


async def write(request: Any) -> HttpResponse:
    user = await request.auser()
    await get_user_model().objects.acreate(username="written")
    return HttpResponse(user.get_username() or "nobody")


@method_decorator(csrf_exempt, name="dispatch")
class Webhook(entry_point_views.Who):
    pass


urlpatterns = [
    path("write/", CreateUser.as_view()),
    path("write/session-first/", SessionFirst.as_view()),
    path("write/basic-first/", BasicFirst.as_view()),
    path("write/async/", write),
    path("webhook/", Webhook.as_view()),
    path("cached/", cache_page(60)(vary_on_headers(HEADER)(entry_point_views.who))),
    path("", include(entry_point_views)),
]


@pytest.fixture
def load_balancer(cognito: Any) -> None:
    """Configure a site behind a load balancer that signs users in; API clients send the Authorization header."""
    cognito(TOKEN_SOURCES=["Authorization", HEADER])


def through_load_balancer(**claims: Any) -> dict[str, str]:
    """Return the headers that the load balancer adds to a request with its cookie."""
    return {HEADER: make_token(**claims), "X-Amzn-Oidc-Identity": "a-sub", "X-Amzn-Oidc-Data": "eyJ0.eyJh.c2ln"}


def post(client: Any, url: str, **kwargs: Any) -> Any:
    return (async_to_sync(client.post) if isinstance(client, AsyncClient) else client.post)(url, **kwargs)


# The attack: a form of another site, sent by the browser of a signed-in user


WRITING_URLS = ["/write/", "/write/session-first/", "/write/basic-first/", "/write/async/", "/who/class/"]
each_client = pytest.mark.parametrize("make", [Client, AsyncClient])


@each_client
@pytest.mark.parametrize("middleware", ["all", "CSRF last", "without CSRF"])
def test_cross_site_form_is_403_and_writes_nothing(make: Any, middleware: str, settings: Any, writes: Any) -> None:
    if middleware != "all":
        others = [name for name in settings.MIDDLEWARE if name != CSRF]
        settings.MIDDLEWARE = others + ([CSRF] if middleware == "CSRF last" else [])
    with cases() as case:
        for url in WRITING_URLS:
            client = make(enforce_csrf_checks=True)
            with case(url):
                with writes(0):
                    response = post(client, url, data={"amount": "1000"}, headers=through_load_balancer())
                assert response.status_code == 403
                assert not get_user_model().objects.exists()
                assert not CognitoUser.objects.exists()


@pytest.mark.parametrize("url", ["/write/", "/write/session-first/"])
def test_cross_site_form_is_403_in_drf_without_the_middleware(settings: Any, url: str) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name not in (COGNITO, CSRF)]
    client = Client(enforce_csrf_checks=True)
    assert post(client, url, headers=through_load_balancer()).status_code == 403
    assert not get_user_model().objects.exists()


@pytest.mark.parametrize("url", WRITING_URLS)
def test_cross_site_form_of_a_user_with_a_session_is_403(url: str, writes: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client, "carol")
    with writes(0):
        assert post(client, url, headers=through_load_balancer()).status_code == 403


def test_bad_bearer_token_does_not_suspend_the_csrf_check_of_the_other() -> None:
    client = Client(enforce_csrf_checks=True)
    headers = {**through_load_balancer(), **bearer("bad")}
    assert post(client, "/write/", headers=headers).status_code == 401
    assert not get_user_model().objects.exists()


@each_client
@pytest.mark.parametrize("url", WRITING_URLS)
def test_form_with_its_csrf_token_is_accepted(make: Any, url: str) -> None:
    client = make(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = CSRF_TOKEN
    response = post(client, url, headers={**through_load_balancer(), "x-csrftoken": CSRF_TOKEN})
    assert (response.status_code, b"alice" in response.content) == (200, True)


def test_csrf_exempt_view_has_no_csrf_check() -> None:
    client = Client(enforce_csrf_checks=True)
    assert post(client, "/webhook/", headers=through_load_balancer()).content == b"alice"


def test_exempt_view_ignores_the_token_and_has_its_csrf_check() -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.get("/exempt/", headers=through_load_balancer()).content == b"nobody"
    assert post(client, "/exempt/class/", headers=through_load_balancer()).status_code == 403


def test_bearer_token_of_a_client_needs_no_csrf_token() -> None:
    client = Client(enforce_csrf_checks=True)
    assert post(client, "/write/", headers=bearer(make_token())).status_code == 200


# The user of the token


@pytest.mark.parametrize(
    ("make", "url"), [(Client, "/who/"), (Client, "/write/"), (AsyncClient, "/who/async/"), (AsyncClient, "/write/")]
)
def test_token_of_the_load_balancer_authenticates_its_user(make: Any, url: str) -> None:
    client = make()
    sign_in(client, "carol")
    get = async_to_sync(client.get) if isinstance(client, AsyncClient) else client.get
    response = get(url, headers=through_load_balancer())
    assert (response.status_code, b"alice" in response.content) == (200, True)
    assert response["Vary"] == f"{'Accept, ' if url == '/write/' else ''}Cookie, Authorization, {HEADER}"


@pytest.mark.defends("RP-21")
@pytest.mark.parametrize("url", ["/who/", "/cached/"])
def test_page_cache_separates_users_of_the_load_balancer(settings: Any, url: str) -> None:
    """The token is removed from the request, but not from the key of the cache."""
    cache.clear()
    if url == "/who/":
        first, last = (f"django.middleware.cache.{name}CacheMiddleware" for name in ("Update", "FetchFrom"))
        settings.MIDDLEWARE = [first, *settings.MIDDLEWARE, last]
    for _ in range(2):
        for name in ("alice", "bob"):
            answer = Client().get(url, headers=through_load_balancer(username=name))
            assert answer.content.decode() == name
    assert Client().get("/who/").content == b"nobody"
    cache.clear()


@pytest.mark.defends("RP-21")
def test_page_cache_separates_users_in_drf_without_the_middleware(settings: Any) -> None:
    cache.clear()
    first, last = (f"django.middleware.cache.{name}CacheMiddleware" for name in ("Update", "FetchFrom"))
    settings.MIDDLEWARE = [first, *(name for name in settings.MIDDLEWARE if name != COGNITO), last]
    for name in ("alice", "bob", "alice"):
        assert Client().get("/write/", headers=through_load_balancer(username=name)).json() == name
    cache.clear()


@pytest.mark.parametrize("name", ["X-AMZN-OIDC-ACCESSTOKEN", "x-amzn-oidc-accesstoken"])
def test_name_of_the_source_is_case_insensitive(client: Client, cognito: Any, name: str) -> None:
    cognito(TOKEN_SOURCES=[name])
    assert client.get("/who/", headers=through_load_balancer()).content == b"alice"


@pytest.mark.parametrize("url", ["/who/", "/write/"])
@pytest.mark.parametrize(
    ("raw_of", "code"),
    [
        (lambda: "", "token_missing"),
        (lambda: "bad", "malformed_token"),
        (lambda: make_token(exp=1), "token_expired"),
        (lambda: make_token(client_id="another"), "wrong_client"),
        (lambda: f"{make_token()},{make_token()}", "several_tokens"),
        (lambda: f"Bearer {make_token()}", "scheme_repeated"),
    ],
)
def test_rejected_token_of_the_load_balancer_is_401(client: Client, url: str, raw_of: Any, code: str) -> None:
    sign_in(client, "carol")
    response = client.get(url, headers={HEADER: raw_of()})
    assert (response.status_code, response.json()["code"]) == (401, code)


def test_first_source_with_a_token_decides(client: Client, cognito: Any) -> None:
    headers = {**through_load_balancer(username="alice"), **bearer(make_token(username="bob"))}
    assert client.get("/who/", headers=headers).content == b"bob"
    assert client.get("/who/", headers={**headers, **bearer("bad")}).status_code == 401
    assert client.get("/who/", headers={**headers, "authorization": make_token()}).status_code == 401
    cognito(TOKEN_SOURCES=[HEADER, "Authorization"])
    assert client.get("/who/", headers=headers).content == b"alice"
    assert client.get("/who/", headers={**headers, HEADER: "bad"}).status_code == 401


def test_other_authorization_scheme_is_no_source(client: Client) -> None:
    headers = {**through_load_balancer(), "authorization": "Basic YTpi"}
    assert client.get("/who/", headers=headers).content == b"alice"


def test_load_balancer_header_is_ignored_by_default(client: Client, cognito: Any) -> None:
    cognito(TOKEN_SOURCES=["Authorization"])
    assert client.get("/who/", headers=through_load_balancer()).content == b"nobody"
    sign_in(client, "carol")
    assert client.get("/who/", headers=through_load_balancer()).content == b"carol"


def test_authorization_is_ignored_if_it_is_no_source(client: Client, cognito: Any) -> None:
    cognito(TOKEN_SOURCES=[HEADER])
    assert client.get("/who/", headers=bearer(make_token())).content == b"nobody"
    assert client.get("/write/", headers=bearer(make_token())).data == ""


def test_signed_user_claims_of_the_load_balancer_are_never_a_token(client: Client) -> None:
    assert client.get("/who/", headers={"X-Amzn-Oidc-Data": make_token()}).content == b"nobody"
    assert client.get("/write/", headers={"X-Amzn-Oidc-Data": make_token()}).data == ""


def test_id_token_beside_the_token_is_verified(client: Client) -> None:
    id_token = with_id_token("", make_token(token_use="id", username="bob"))["x-cognito-id-token"]
    response = client.get("/who/", headers={**through_load_balancer(), "x-cognito-id-token": id_token})
    assert (response.status_code, response.json()["code"]) == (401, "token_mismatch")


@pytest.mark.parametrize("url", ["/auth/login/", "/auth/logout/"])
def test_view_for_sessions_only_is_403_with_the_token(client: Client, url: str) -> None:
    sign_in(client, "carol")
    response = client.get(url, headers=through_load_balancer())
    assert (response.status_code, response.json()["code"]) == (403, "session_required")


def test_missing_group_is_a_403_page_for_a_browser(client: Client) -> None:
    assert client.get("/edit/", headers=bearer(make_token()))["Content-Type"] == "application/json"
    response = client.get("/edit/", headers=through_load_balancer())
    assert (response.status_code, response["Content-Type"]) == (403, "text/html; charset=utf-8")


@pytest.mark.parametrize("factory", [RequestFactory, AsyncRequestFactory])
def test_token_is_removed_from_the_request(factory: Any) -> None:
    request = factory().get("/", headers={HEADER: "eyJh.eyJi.c2ln", "x-other": "1"})
    for _ in range(2):
        token = find_token(request)
        assert token is not None
        assert (token.raw, token.needs_csrf_check) == ("eyJh.eyJi.c2ln", True)
    shown = repr((request.META, getattr(request, "scope", None), dict(request.headers), vars(request)))
    assert "eyJh.eyJi.c2ln" not in shown


def test_documented_sign_out_deletes_the_cookies() -> None:
    page = (source.PROJECT_DIRECTORY / "docs" / "deployment.md").read_text()
    section = page.partition("## Behind an AWS load balancer")[2].partition("\n## ")[0]
    namespace: dict[str, Any] = {}
    exec(section.split("```python")[2].partition("```")[0], namespace)
    sign_out = namespace["sign_out"]
    assert sign_out(RequestFactory().get("/")).status_code == 405
    response = sign_out(RequestFactory().post("/"))
    assert response["Location"].startswith("https://login.example.com/logout?client_id=2loadbalancer&logout_uri=https")
    cookies = {name: cookie["max-age"] for name, cookie in response.cookies.items()}
    assert cookies == dict.fromkeys([f"AWSELBAuthSessionCookie-{number}" for number in range(4)], 0)
