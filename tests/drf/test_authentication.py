import logging
import time
from itertools import product
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from rest_framework.test import APIClient

from django_cognito.factories import discard_instances
from django_cognito.testing import make_token, sign_in
from tests.support.callers import SOME_BAD_ID_TOKENS, bearer, end_tokens, with_id_token
from tests.support.cases import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.drf.views"), pytest.mark.usefixtures("cognito_keys")]

BOTH_ORDERS = pytest.mark.parametrize("url", ["/cognito-first/", "/session-first/"])
METHODS = pytest.mark.parametrize("method", ["get", "post"])
WITHOUT_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]


def call(client: Client, method: str, url: str, raw: str) -> Any:
    return getattr(client, method)(url, headers=bearer(raw))


@METHODS
@pytest.mark.parametrize("url", ["/who/", "/cognito-first/", "/session-first/"])
def test_bearer_token_authenticates_its_user(client: Client, url: str, method: str) -> None:
    answer = call(client, method, url, make_token())
    assert answer.status_code == 200
    assert (answer.json()["user"], answer.json()["django_user"], answer.json()["auth"]) == (
        "alice",
        "alice",
        "AccessToken",
    )
    assert answer.json()["sub"]


def test_repeated_token_makes_one_query(client: Client, django_assert_num_queries: Any) -> None:
    raw = make_token()
    call(client, "get", "/who/", raw)
    with django_assert_num_queries(1):
        call(client, "get", "/who/", raw)


@pytest.mark.defends("RP-23")
@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR"])
def test_bearer_scheme_is_case_insensitive(client: Client, scheme: str) -> None:
    answer = client.get("/who/", headers={"authorization": f"{scheme} {make_token()}"})
    assert answer.json()["user"] == "alice"


def test_bearer_token_works_without_the_middleware(client: Client, settings: Any) -> None:
    settings.MIDDLEWARE = WITHOUT_MIDDLEWARE
    assert call(client, "get", "/who/", make_token()).json()["sub"]
    assert call(client, "get", "/who/", "bad").status_code == 401


@pytest.mark.defends("RP-23")
@METHODS
@BOTH_ORDERS
def test_invalid_bearer_token_is_401(client: Client, url: str, method: str) -> None:
    with cases() as case:
        for raw in ("bad", "", "a.b.c", "é", "a\x00b", "eyJ.e30."):
            with case(repr(raw)):
                answer = call(client, method, url, raw)
                assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
                assert set(answer.json()) == {"detail", "code"}


@pytest.mark.defends("RP-23")
@METHODS
@BOTH_ORDERS
@pytest.mark.parametrize("enforces_csrf", [True, False], ids=["csrf", "no csrf"])
def test_invalid_token_with_a_session_cookie_is_401_and_anonymous(url: str, method: str, enforces_csrf: bool) -> None:
    client = Client(enforce_csrf_checks=enforces_csrf)
    sign_in(client, "carol")
    answer = call(client, method, url, "bad")
    assert (answer.status_code, answer.json()["code"]) == (401, "malformed_token")
    assert "carol" not in answer.content.decode()
    assert answer.wsgi_request.user.is_anonymous


@METHODS
@BOTH_ORDERS
def test_valid_token_with_a_session_cookie_is_the_tokens_user(url: str, method: str) -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client, "carol")
    assert call(client, method, url, make_token()).json()["user"] == "alice"


@pytest.mark.defends("RP-23")
@METHODS
def test_session_authentication_alone_ignores_session_with_a_token(method: str) -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client, "carol")
    assert call(client, method, "/session-alone/", make_token()).status_code == 403


@METHODS
def test_view_without_authentication_ignores_the_token(client: Client, method: str) -> None:
    assert call(client, method, "/public/", "bad").json()["user"] == ""


@BOTH_ORDERS
def test_session_authenticates_its_user(client: Client, url: str) -> None:
    sign_in(client, "carol")
    data = client.get(url).json()
    assert (data["user"], data["auth"]) == ("carol", "NoneType")
    assert data["sub"]


@pytest.mark.defends("RP-23")
@BOTH_ORDERS
def test_session_post_without_csrf_token_is_403(url: str) -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client, "carol")
    assert client.post(url).status_code == 403


@pytest.mark.parametrize(("url", "status"), [("/cognito-first/", 401), ("/session-first/", 403)])
def test_anonymous_response_is_that_of_the_first_class(client: Client, url: str, status: int) -> None:
    answer = client.get(url)
    assert answer.status_code == status
    assert answer.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)


@pytest.mark.parametrize("header", ["Basic YTpi", "Token abc", "Bearerabc", "Bear er"])
def test_another_authorization_scheme_is_anonymous(client: Client, header: str) -> None:
    answer = client.get("/who/", headers={"authorization": header})
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    ("url", "header", "user"),
    [
        ("/basic-last/", "Basic Y2Fyb2w6cGFzc3dvcmQ=", "carol"),
        ("/other-scheme-last/", "JWT {}", "other JWT"),
        ("/other-scheme-last/", "jwt {}", "other JWT"),
        ("/other-scheme-last/", "JWT 0123456789abcdef", "other JWT"),
    ],
)
def test_scheme_of_another_class_reaches_that_class(client: Client, url: str, header: str, user: str) -> None:
    get_user_model().objects.create_user("carol", password="password")
    sign_in(client, "alice")
    answer = client.get(url, headers={"authorization": header.replace("{}", make_token())})
    assert (answer.status_code, answer.json().get("user")) == (200, user)


def test_token_with_a_scheme_of_no_class_is_401(client: Client) -> None:
    sign_in(client, "carol")
    urls = ("/who/", "/cognito-first/", "/session-first/", "/basic-last/", "/open/")
    with cases() as case:
        for url, scheme in product(urls, ("JWT ", "Token ", "")):
            with case(f"{scheme!r} at {url}"):
                answer = client.get(url, headers={"authorization": f"{scheme}{make_token()}"})
                assert (answer.status_code, answer.json()["code"]) == (401, "scheme_missing")


@pytest.mark.defends("RP-23")
def test_access_token_in_the_query_is_ignored(client: Client) -> None:
    answer = client.get("/who/", {"access_token": make_token()})
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.defends("RP-23")
@BOTH_ORDERS
def test_two_authorization_headers_are_rejected(client: Client, url: str) -> None:
    sign_in(client, "carol")
    with cases() as case:
        for first, separator in product(("Bearer {}", "Basic YTpi"), (",", ", ")):
            with case(f"{first}{separator}"):
                both = separator.join([first, "Bearer {}"]).replace("{}", make_token())
                assert client.get(url, headers={"authorization": both}).status_code == 401


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": int(time.time()) - 60}, "token_expired"),
        ({"client_id": "another"}, "wrong_client"),
        ({"iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Another"}, "wrong_issuer"),
        ({"token_use": "id"}, "wrong_token_use"),
    ],
)
def test_rejected_token_has_its_error_code(client: Client, claims: dict[str, Any], code: str) -> None:
    answer = call(client, "get", "/who/", make_token(**claims))
    assert (answer.status_code, answer.json()["code"]) == (401, code)


@BOTH_ORDERS
@METHODS
def test_id_token_of_the_same_sign_in_is_accepted(client: Client, url: str, method: str) -> None:
    headers = with_id_token(make_token(), make_token(token_use="id", given_name="Alice"))
    answer = getattr(client, method)(url, headers=headers)
    assert (answer.json()["user"], answer.json()["auth"]) == ("alice", "AccessToken")
    assert get_user_model().objects.get().first_name == "Alice"


@BOTH_ORDERS
@pytest.mark.parametrize("has_middleware", [True, False], ids=["with the middleware", "without it"])
def test_id_token_of_another_sign_in_is_401(client: Client, settings: Any, url: str, has_middleware: bool) -> None:
    if not has_middleware:
        settings.MIDDLEWARE = WITHOUT_MIDDLEWARE
    with cases() as case:
        for name, (id_token, code) in SOME_BAD_ID_TOKENS.items():
            with case(name):
                answer = client.get(url, headers=with_id_token(make_token(), id_token()))
                assert (answer.status_code, answer.json()["code"]) == (401, code)
                assert answer["WWW-Authenticate"] == 'Bearer error="invalid_token"'
                assert not get_user_model().objects.exists()


def test_id_token_with_a_machine_to_machine_token_is_rejected(client: Client) -> None:
    headers = with_id_token(make_token(username=None), make_token(token_use="id"))
    assert client.get("/who/", headers=headers).json()["code"] == "token_mismatch"


@BOTH_ORDERS
def test_id_token_without_a_bearer_token_is_ignored(client: Client, url: str) -> None:
    sign_in(client, "carol")
    assert client.get(url, headers={"x-cognito-id-token": "no token"}).json()["user"] == "carol"


def test_same_id_token_in_both_headers_is_accepted(client: Client, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "TOKEN_USE": "id"}
    raw = make_token(token_use="id", at_hash="AAAAAAAAAAAAAAAAAAAAAA")
    assert client.get("/who/", headers=with_id_token(raw, raw)).json()["auth"] == "IdToken"


@pytest.mark.defends("RP-15")
def test_token_of_an_inactive_user_is_401(client: Client) -> None:
    sign_in(Client())
    get_user_model().objects.update(is_active=False)
    answer = call(client, "get", "/who/", make_token())
    assert (answer.status_code, answer.json()["code"]) == (401, "user_inactive")


@BOTH_ORDERS
def test_unavailable_keys_are_503(client: Client, cognito_down: None, url: str) -> None:
    discard_instances()  # the pinned keys too
    answer = call(client, "get", url, make_token())
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")
    assert int(answer["Retry-After"]) > 0
    assert "WWW-Authenticate" not in answer


@pytest.mark.usefixtures("editors_may_change_groups", "cognito_down")
@pytest.mark.parametrize("url", ["/may/", "/edit/", "/order/", "/either/"])
def test_expired_session_with_cognito_rights_is_503_in_an_outage(client: Client, url: str) -> None:
    sign_in(client, groups=["editors"], refresh_token="a refresh token")
    end_tokens()
    answer = client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")
    assert int(answer["Retry-After"]) > 0


@pytest.mark.parametrize("raw_of", [lambda: make_token(exp=1), lambda: make_token(client_id="another"), make_token])
def test_token_is_not_in_the_response_or_the_log(client: Client, caplog: pytest.LogCaptureFixture, raw_of: Any) -> None:
    caplog.set_level(logging.DEBUG)
    raw = raw_of()
    answer = call(client, "get", "/edit/", raw)
    signature = raw.rpartition(".")[2]
    assert answer.status_code in (401, 403)
    assert signature not in f"{answer.content!r} {answer.headers} {caplog.text}"


def test_force_authenticate_of_the_drf_test_client_works(django_user_model: Any) -> None:
    client = APIClient()
    client.force_authenticate(django_user_model.objects.create_user("eve"))
    assert client.get("/who/").json()["user"] == "eve"
