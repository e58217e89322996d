"""Error reports about a request with tokens and about stored tokens that cannot be decrypted have no token."""

import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory
from django.urls import path

from django_cognito.core.errors import SignInError
from django_cognito.decorators import bearer_exempt
from django_cognito.encryption import DecryptionError, decrypt, encrypt
from django_cognito.models import CognitoLogin
from django_cognito.sessions import store, stored_tokens
from django_cognito.testing import make_token, sign_in
from django_cognito.web.error_reports import take_id_token
from tests.support.callers import bearer
from tests.support.error_reports import report_of
from tests.support.pytest_process import run_pytest

RAW = "eyJh.eyJi.c2ln"
RECORDED: dict[str, Any] = {}


def show(request: Any) -> HttpResponse:
    RECORDED.update(meta=dict(request.META), headers=dict(request.headers), scope=getattr(request, "scope", None))
    return HttpResponse("shown")


urlpatterns = [path("plain/", show), path("exempt/", bearer_exempt(show))]


def each_factory() -> Any:
    return pytest.mark.parametrize("factory", [RequestFactory, AsyncRequestFactory])


@each_factory()
def test_id_token_is_removed_from_the_request_and_returned_again(factory: Callable[[], Any]) -> None:
    request = factory().get("/", headers={"x-cognito-id-token": RAW, "x-other": "1"})
    assert request.headers["x-cognito-id-token"] == RAW  # Django caches the headers here
    assert [take_id_token(request), take_id_token(request)] == [RAW, RAW]
    assert "x-cognito-id-token" not in request.headers
    assert request.headers["x-other"] == "1"
    visible_text = repr((request.META, getattr(request, "scope", None), dict(request.headers), vars(request)))
    assert RAW not in visible_text


def test_id_token_is_removed_from_the_header_list_of_the_asgi_server() -> None:
    request = AsyncRequestFactory().get("/", headers={"x-cognito-id-token": RAW, "x-other": "1"})
    scope_headers = request.scope["headers"] = [(b"X_Cognito-ID-Token", b"1"), *request.scope["headers"]]
    copied_scope = {**request.scope}
    assert take_id_token(request) == RAW
    assert copied_scope["headers"] is scope_headers
    assert RAW.encode() not in [value for _, value in scope_headers]
    assert [value for name, value in scope_headers if name == b"x-other"] == [b"1"]
    assert len([name for name, _ in scope_headers if b"oken" in name]) == 0


def test_id_token_is_removed_from_a_scope_with_headers_in_a_tuple() -> None:
    request = AsyncRequestFactory().get("/", headers={"x-cognito-id-token": RAW, "x-other": "1"})
    request.scope["headers"] = tuple(request.scope["headers"])
    assert take_id_token(request) == RAW
    assert (b"x-other", b"1") in request.scope["headers"]
    assert RAW.encode() not in dict(request.scope["headers"]).values()


@each_factory()
def test_request_without_id_token_keeps_its_headers(factory: Callable[[], Any]) -> None:
    request = factory().get("/", headers={"x-other": "1", "authorization": "Bearer x"})
    before = dict(request.headers)
    assert take_id_token(request) is None
    assert (dict(request.headers), request.META["HTTP_AUTHORIZATION"]) == (before, "Bearer x")


@pytest.mark.urls("tests.web.test_error_reports")
@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/plain/", "/exempt/"])
@pytest.mark.parametrize("client_class", [Client, AsyncClient])
@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic eDp5"}])
def test_id_token_is_removed_before_a_view_without_it(
    client_class: Callable[[], Any], url: str, headers: dict[str, str]
) -> None:
    get = async_to_sync(client_class().get) if client_class is AsyncClient else client_class().get
    assert get(url, headers={**headers, "x-cognito-id-token": RAW}).content == b"shown"
    assert RAW not in repr(RECORDED)


@pytest.mark.urls("tests.web.test_error_reports")
@pytest.mark.django_db
@pytest.mark.usefixtures("cognito_keys")
def test_id_token_of_a_rejected_bearer_token_is_removed() -> None:
    client = Client()
    answer = client.get("/plain/", headers={**bearer("no token"), "x-cognito-id-token": make_token(token_use="id")})
    assert answer.status_code == 401
    assert "HTTP_X_COGNITO_ID_TOKEN" not in answer.wsgi_request.META


# Sentry


@pytest.mark.defends("RP-20")
def test_sentry_with_its_django_integration_sends_no_token() -> None:
    run_pytest(str(Path(__file__).with_name("sentry_events.py")), DJANGO_COGNITO_TEST_DATABASE="sqlite")


def _capture_events(request: Any, times: int = 1) -> list[Any]:
    """Return the events of a Sentry client without integrations after reading the header `times` times."""
    events: list[Any] = []
    client = sentry_sdk.Client(
        "http://key@127.0.0.1/1", default_integrations=False, before_send=lambda e, _: events.append(e)
    )
    with sentry_sdk.isolation_scope() as scope:
        scope.set_client(client)
        for _ in range(times):
            take_id_token(request)
        headers = {"X-Cognito-Id-Token": RAW, "authorization": "Bearer x", "X-Other": "1"}
        sentry_sdk.capture_event({"message": "an event", "request": {"headers": headers}})
        sentry_sdk.capture_event({"message": "an event without a request"})
        assert len(scope._event_processors) <= 1
    return events


def test_sentry_event_of_the_request_has_filtered_headers() -> None:
    request = RequestFactory().get("/", headers={"x-cognito-id-token": RAW, "authorization": "Bearer x"})
    first, second = _capture_events(request, times=3)
    assert first["request"]["headers"] == {
        "X-Cognito-Id-Token": "[Filtered]",
        "authorization": "[Filtered]",
        "X-Other": "1",
    }
    assert "request" not in second


def test_sentry_event_of_a_request_without_tokens_is_left_alone() -> None:
    first, _ = _capture_events(RequestFactory().get("/"))
    assert first["request"]["headers"]["X-Cognito-Id-Token"] == RAW


@pytest.mark.parametrize("module", [None, object()], ids=["not imported", "an old version"])
def test_id_token_is_read_without_sentry(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    monkeypatch.setitem(sys.modules, "sentry_sdk", module)
    assert take_id_token(RequestFactory().get("/", headers={"x-cognito-id-token": RAW})) == RAW


# Encryption

ROW = b"row of the login"
REFRESH_TOKEN = "refresh-" * 3  # not the text of a line of this file, which reports contain
PLAINTEXT = f'{{"refresh_token": "{REFRESH_TOKEN}"}}'.encode()
KEYS = {"SECRET_KEY": "a-key-that-no-report-shows", "SECRET_KEY_FALLBACKS": ["an-older-key-that-no-report-shows"]}


def _frames(error: BaseException | None) -> Iterator[Any]:
    while error is not None:
        yield from (frame for frame, _ in traceback.walk_tb(error.__traceback__))
        error = error.__cause__ or error.__context__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _fail(*_: Any, **__: Any) -> Any:
    raise RuntimeError("the server is on fire")


CALLS: dict[str, Callable[[bytes], Any]] = {
    "changed bytes": lambda ciphertext: decrypt(ciphertext[:-1] + bytes([ciphertext[-1] ^ 1]), associated_data=ROW),
    "another row": lambda ciphertext: decrypt(ciphertext, associated_data=b"another row"),
    "other bytes": lambda ciphertext: decrypt(REFRESH_TOKEN.encode(), associated_data=ROW),
    "decrypt, a fault": lambda ciphertext: decrypt(ciphertext, associated_data=ROW),
    "encrypt, a fault": lambda ciphertext: encrypt(PLAINTEXT, associated_data=ROW),
}


@pytest.mark.defends("RP-20")
@pytest.mark.parametrize("call", CALLS)
def test_report_of_an_encryption_error_shows_no_secret(
    settings: Any, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = KEYS["SECRET_KEY"], KEYS["SECRET_KEY_FALLBACKS"]
    ciphertext = encrypt(PLAINTEXT, associated_data=ROW)
    if call.endswith("a fault"):
        monkeypatch.setattr("django_cognito.encryption._cipher", _fail)
    with pytest.raises((DecryptionError, RuntimeError)) as caught:
        CALLS[call](ciphertext)
    report = report_of(caught.value)
    secrets = [KEYS["SECRET_KEY"], *KEYS["SECRET_KEY_FALLBACKS"], REFRESH_TOKEN, repr(ciphertext)[2:12]]
    # The first frame is this test's own, which has all secrets.
    frame_values = repr([frame.f_locals for frame in list(_frames(caught.value))[2:]])
    error_values = repr([(error.args, vars(error)) for error in _chain(caught.value)])
    assert [secret for secret in secrets if secret in frame_values + error_values + report] == []
    assert len(list(_chain(caught.value))) == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("cognito_keys")
@pytest.mark.defends("RP-20")
@pytest.mark.parametrize("stored_value", ["garbage", "no JSON", "other members"])
def test_report_of_an_unreadable_login_shows_no_secret(client: Client, stored_value: str) -> None:
    sign_in(client)
    login = CognitoLogin.objects.get()
    data = stored_tokens._associated_data(login.pk)
    login.tokens = {
        "garbage": REFRESH_TOKEN.encode() * 3,
        "no JSON": encrypt(REFRESH_TOKEN.encode(), associated_data=data),
        "other members": encrypt(PLAINTEXT, associated_data=data),
    }[stored_value]
    with pytest.raises(SignInError) as caught:
        store.decrypt_tokens(login)
    assert caught.value.code == "login_unreadable"
    chain = list(_chain(caught.value))
    error_values = repr([(error.args, vars(error), getattr(error, "doc", "")) for error in chain])
    frame_values = repr([frame.f_locals for frame in list(_frames(caught.value))[1:]])
    assert REFRESH_TOKEN not in error_values + frame_values + report_of(caught.value)


@pytest.mark.urls("tests.support.login_site")
@pytest.mark.django_db
@pytest.mark.usefixtures("cognito_keys")
def test_login_with_unreadable_tokens_is_signed_out(client: Client) -> None:
    sign_in(client)
    login = CognitoLogin.objects.get()
    login.tokens = encrypt(b"no JSON", associated_data=stored_tokens._associated_data(login.pk))
    login.save()
    assert client.get("/who/").content == b"nobody"
