"""The events that Sentry's Django integration sends for a request with tokens. `test_error_reports.py` runs this file.

It runs in its own process, because the integration patches Django's handlers permanently.
"""

import asyncio
import io
import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sentry_sdk
from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.urls import path
from django.utils.deprecation import MiddlewareMixin
from rest_framework.views import APIView
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.transport import Transport

from django_cognito.decorators import bearer_exempt
from django_cognito.testing import make_token

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.web.sentry_events"),
    pytest.mark.usefixtures("cognito_keys"),
]
FAULT = "a fault of the site's own"
# As Django's test client does: the connection is the test's, which rolls back what a request wrote.
request_started.disconnect(close_old_connections)
request_finished.disconnect(close_old_connections)


def fail(request: Any) -> None:
    raise RuntimeError(FAULT)


def fail_after_headers(request: Any) -> None:
    assert "x-cognito-id-token" not in request.headers
    raise RuntimeError(f"{FAULT}: {len(request.META)} {dict(request.headers).keys()}")


async def fail_async(request: Any) -> None:
    raise RuntimeError(FAULT)


class Fail(APIView):
    def get(self, request: Any) -> None:
        raise RuntimeError(FAULT)


class FailingMiddleware(MiddlewareMixin):
    """A middleware after CognitoMiddleware."""

    def process_request(self, request: Any) -> None:
        if request.path == "/middleware/":
            raise RuntimeError(FAULT)


urlpatterns = [
    path("plain/", fail),
    path("headers/", fail_after_headers),
    path("async/", fail_async),
    path("drf/", Fail.as_view()),
    path("exempt/", bearer_exempt(fail)),
    path("middleware/", fail),
]


def call_wsgi(url: str, headers: dict[str, str]) -> None:
    """Send a request through WSGIHandler; errors become responses of status 500, as on a server."""
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": url,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
    }
    statuses: list[str] = []
    list(WSGIHandler()(environ, lambda status, *_: statuses.append(status)))
    assert statuses == ["500 Internal Server Error"]
    assert "HTTP_X_COGNITO_ID_TOKEN" not in environ


def call_asgi(url: str, headers: dict[str, str]) -> None:
    """Send a request through ASGIHandler, as `call_wsgi` does through WSGIHandler."""
    scope = {
        "type": "http",
        "method": "GET",
        "path": url,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in {"host": "testserver", **headers}.items()],
    }
    messages_sent: list[Any] = []

    async def answer() -> None:
        messages = [{"type": "http.request", "body": b""}]

        async def receive() -> Any:
            return messages.pop() if messages else await asyncio.Event().wait()  # the client stays connected

        async def send(message: Any) -> None:
            messages_sent.append(message)

        await asyncio.wait_for(ASGIHandler()(scope, receive, send), 20)

    async_to_sync(answer)()
    assert messages_sent[0]["status"] == 500
    assert b"x-cognito-id-token" not in dict(scope["headers"])


@pytest.fixture(params=[False, True], ids=["pii off", "pii on"], scope="module")
def envelopes(request: pytest.FixtureRequest) -> Iterator[list[bytes]]:
    """Yield the envelopes that a client with this setting sends."""
    envelopes: list[bytes] = []

    class ToList(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            envelopes.append(envelope.serialize())

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The send_default_pii option is deprecated", DeprecationWarning)
        sentry_sdk.init(
            dsn="http://key@127.0.0.1:9/1",
            transport=ToList,
            integrations=[DjangoIntegration()],
            send_default_pii=request.param,
            traces_sample_rate=1.0,
        )
    yield envelopes
    sentry_sdk.init()


@pytest.fixture
def events(envelopes: list[bytes]) -> list[bytes]:
    """Return the envelopes of this test."""
    envelopes.clear()
    return envelopes


@pytest.mark.parametrize("with_bearer", [True, False], ids=["bearer", "no bearer"])
@pytest.mark.parametrize("url", ["/plain/", "/headers/", "/async/", "/drf/", "/exempt/", "/middleware/"])
@pytest.mark.parametrize("call", [call_wsgi, call_asgi])
def test_event_has_no_token(
    events: list[bytes], settings: Any, call: Callable[..., None], url: str, with_bearer: bool
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.web.sentry_events.FailingMiddleware"]
    access_token, id_token = make_token(), make_token(token_use="id")
    headers = {"x-cognito-id-token": id_token, "x-other": "still here"}
    call(url, {**headers, **({"authorization": f"Bearer {access_token}"} if with_bearer else {})})
    sent_text = b"\n".join(events).decode()
    lines = [json.loads(line) for line in sent_text.splitlines() if line.startswith("{")]
    reports = [line for line in lines if "exception" in line or "transaction" in line]
    assert FAULT in sent_text
    assert {"exception" in report for report in reports} == {True, False}  # the error, and the trace's transaction
    assert [report for report in reports if "still here" not in json.dumps(report["request"]["headers"])] == []
    for raw in (access_token, id_token):
        # Parts of the tokens: a long value may have been truncated.
        assert [part for part in raw.split(".")[1:] if part[:40] in sent_text] == []
