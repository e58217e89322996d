"""FI-01 and FI-12 to FI-19 at the token endpoint, during a sign-in through the views and during a token refresh.

An outage is 503 with Retry-After, a refusal is 400, and they are never confused. Neither changes stored data.
"""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from threading import Timer
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from local_cognito_support.scripted_server import Answer, Reset, ScriptedServer, Silence, Step, json_answer

from django_cognito.core.http import client as http_client
from django_cognito.core.http.deadline import Deadline
from django_cognito.models import CognitoLogin
from tests.support.bad_answers import BAD_TLS, DRIPS, FLOODS, HASTE, KEYLESS, UNREADABLE
from tests.support.cases import cases
from tests.support.certificates import Authority
from tests.support.connections import full_backlog
from tests.support.scenarios.login import change_login, read_query, refusal, unchanged, username_at
from tests.support.timeouts import HTTP_TIMEOUT_SECONDS

from .fault import NO_FAULT, Fault
from .provider import CLIENT_ID, Provider
from .scenario import follow_to_callback, read_failure, refusal_page, sign_in, start_sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

FaultContext = Callable[[str], AbstractContextManager[None]]
BAIT = ("http://169.254.169.254/latest/meta-data/", "https://attacker.invalid/oauth2/token", "file:///etc/passwd")
REDIRECTS = [*((status, BAIT[0]) for status in (301, 302, 303, 307, 308)), *((307, bait) for bait in BAIT[1:])]
# Steps in place of the token endpoint's response; those of FI-15 and FI-16 would last forever.
OUTAGES: dict[str, Callable[[], Step]] = {
    "FI-01 reset": Reset,
    **{f"FI-01 {status}": partial(Answer, status) for status in (429, 500, 502, 503, 504)},
    "FI-01 invalid_grant, and 500": partial(refusal, status=500),
    "FI-01 invalid_grant, and 429": partial(refusal, status=429),
    "FI-01 unknown error code": partial(refusal, "not an error code"),
    **{
        f"FI-12 {name}": partial(json_answer, document)
        for name, document in KEYLESS.items()
        if not isinstance(document, dict)
    },
    **{f"FI-13 {name}": partial(lambda step: step, step) for name, step in UNREADABLE.items()},
    **{f"FI-14 {name}": make for name, make in FLOODS.items()},
    **{f"FI-15 {name}": partial(lambda step: step, step) for name, step in DRIPS.items()},
    "FI-16 silence": Silence,
    **{f"FI-18 {status} to {bait}": partial(Answer, status, headers={"location": bait}) for status, bait in REDIRECTS},
}
EACH_KIND = pytest.mark.parametrize("kind", sorted({name.partition(" ")[0] for name in OUTAGES}))
REFUSALS: dict[str, tuple[Step, str]] = {
    **{
        f"{error}, {status}": (refusal(error, status), error)
        for error in ("invalid_client", "invalid_grant", "invalid_request", "invalid_scope", "unauthorized_client")
        for status in (400, 401)
    },
    "unknown error code": (refusal("of_their_own"), "sign_in_refused"),
    "invalid_grant, 200": (refusal(status=200), "malformed_response"),
    **{
        f"FI-12 {name}": (json_answer(document), "malformed_response")
        for name, document in KEYLESS.items()
        if isinstance(document, dict)
    },
}


@pytest.fixture
def token_endpoint_fault(settings: Any, provider: Provider) -> FaultContext:
    """Return a context manager: the token endpoint has the fault `name`.

    The deadline of the site ends soon if the fault would last forever, but not before the request was sent: otherwise a
    slow computer sends none.
    """
    deadlines: list[Deadline] = []

    def start_deadline(seconds: float) -> Deadline:
        deadlines.append(Deadline(seconds))
        return deadlines[-1]

    def end_soon(step: Step) -> Step:
        def send(*args: Any) -> None:
            Timer(HASTE, deadlines[-1]._shut_down).start()
            step.send(*args)

        return SimpleNamespace(send=send)  # type: ignore[return-value]

    @contextmanager
    def fault_of(name: str) -> Iterator[None]:
        step = OUTAGES[name]()
        provider.fault = Fault(steps={"token": end_soon(step) if name.startswith(("FI-15", "FI-16")) else step})
        with settings_of(settings, TOKEN_TIMEOUT_SECONDS=HTTP_TIMEOUT_SECONDS), pytest.MonkeyPatch.context() as patched:
            patched.setattr(http_client, "Deadline", start_deadline)
            try:
                yield
            finally:
                provider.fault = NO_FAULT

    return fault_of


@pytest.mark.defends("RP-24", "RP-25")
@EACH_KIND
def test_token_endpoint_outage_shows_a_page_with_retry_after(
    client: Client, provider: Provider, username_before: str, token_endpoint_fault: FaultContext, kind: str
) -> None:
    with cases() as case:
        for fault in _outages_of(kind):
            authorize_url = start_sign_in(client)
            callback_url = follow_to_callback(authorize_url)
            with case(fault), token_endpoint_fault(fault):
                assert_unavailable(
                    refusal_page(client, provider, callback_url, calls=("token",), state=_state_of(authorize_url))
                )
            with case(f"after {fault}"):
                assert username_at(client) == username_before
    sign_in(client)
    assert username_at(client) == "alice"


@pytest.mark.defends("RP-24")
@EACH_KIND
def test_outage_during_a_refresh_keeps_the_login(
    client: Client, provider: Provider, token_endpoint_fault: FaultContext, kind: str
) -> None:
    sign_in(client)
    with cases() as case:
        for version, fault in enumerate(_outages_of(kind), 1):
            with case(fault):
                change_login(CognitoLogin.objects.get(), ends_in=-1)
                provider.called_endpoints.clear()
                with token_endpoint_fault(fault), unchanged(client):
                    answer = client.get("/subject/")
                assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")
                assert int(answer["Retry-After"]) > 0
                assert provider.called_endpoints == ["token"]
                change_login(CognitoLogin.objects.get(), retry_in=-1)
                assert client.get("/subject/").status_code == 200
                assert CognitoLogin.objects.get().version == version


@pytest.mark.defends("RP-24")
def test_token_endpoint_refusal_shows_a_400_page(client: Client, provider: Provider, username_before: str) -> None:
    with cases() as case:
        for name, (step, code) in REFUSALS.items():
            authorize_url = start_sign_in(client)
            callback_url = follow_to_callback(authorize_url)
            provider.fault = Fault(steps={"token": step})
            with case(name):
                page = refusal_page(client, provider, callback_url, calls=("token",), state=_state_of(authorize_url))
                assert (read_failure(page), "Retry-After" in page) == ((400, code), False)
                assert username_at(client) == username_before


def _outages_of(kind: str) -> list[str]:
    """Return the names of the outages of a kind, say FI-13."""
    return [name for name in OUTAGES if name.startswith(f"{kind} ")]


def _state_of(authorize_url: str) -> str:
    return read_query(authorize_url)["state"]


@pytest.mark.defends("RP-24")
def test_fi_01_fi_16_unreachable_token_endpoint_is_unavailable(
    client: Client, provider: Provider, username_before: str, settings: Any, unreachable: str
) -> None:
    with full_backlog() as full_url, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)  # and never accepts
        for origin in (unreachable, full_url, f"http://127.0.0.1:{listener.getsockname()[1]}"):
            authorize_url = start_sign_in(client)
            callback_url = follow_to_callback(authorize_url)
            with settings_of(settings, DOMAIN=origin, TOKEN_TIMEOUT_SECONDS=HASTE):
                assert_unavailable(
                    refusal_page(client, provider, callback_url, calls=(), state=_state_of(authorize_url))
                )
            assert username_at(client) == username_before


@pytest.mark.defends("RP-24")
def test_fi_17_unresolvable_host_is_unavailable_until_it_resolves(
    client: Client, provider: Provider, username_before: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": provider.url.replace("127.0.0.1", "localhost")}
    authorize_url = start_sign_in(client)
    callback_url = follow_to_callback(authorize_url)
    with monkeypatch.context() as patched:
        patched.setattr("django_cognito.core.http.deadline.socket.getaddrinfo", _unknown_name)
        assert_unavailable(refusal_page(client, provider, callback_url, calls=(), state=_state_of(authorize_url)))
    assert username_at(client) == username_before
    sign_in(client)
    assert username_at(client) == "alice"


def _unknown_name(*_: Any, **__: Any) -> Any:
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.mark.defends("RP-24", "RP-25")
def test_fi_18_redirect_of_the_token_endpoint_is_not_followed(
    client: Client, provider: Provider, username_before: str
) -> None:
    with Provider(provider.user_pool_id, CLIENT_ID) as other, cases() as case:
        location = f"{other.url}/oauth2/token"
        for status in (301, 302, 303, 307, 308):
            provider.fault = NO_FAULT
            authorize_url = start_sign_in(client)
            callback_url = follow_to_callback(authorize_url)
            provider.fault = Fault(steps={"token": Answer(status, headers={"location": location})})
            with case(str(status)):
                assert_unavailable(
                    refusal_page(client, provider, callback_url, calls=("token",), state=_state_of(authorize_url))
                )
                assert other.count == 0
                assert username_at(client) == username_before


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the certificate authority that the site can trust, see `trusted_authority`."""
    folder: Path = tmp_path_factory.mktemp("authority")
    return Authority(folder)


@pytest.fixture
def trusted_authority(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Trust the authority and return it."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    return authority


@pytest.mark.defends("RP-24")
def test_fi_19_sign_in_with_a_trusted_certificate_succeeds(
    client: Client, provider: Provider, settings: Any, trusted_authority: Authority
) -> None:
    with Provider(provider.user_pool_id, CLIENT_ID, tls=trusted_authority.tls()) as secure:
        settings.COGNITO = {**settings.COGNITO, **secure.settings}
        sign_in(client)
        assert (username_at(client), secure.called_endpoints, provider.count) == (
            "alice",
            ["authorize", "token", "jwks"],
            0,
        )


NOT_TRUSTED = "an authority that is not trusted_authority"


@pytest.fixture(scope="module")
def bad_tls(authority: Authority) -> dict[str, ssl.SSLContext]:
    """Return the TLS contexts of servers that the site must not trust."""
    contexts = {name: make(authority) for name, make in BAD_TLS.items()}
    return {**contexts, NOT_TRUSTED: authority.tls()}


@pytest.mark.defends("RP-24")
def test_fi_19_nothing_is_sent_with_bad_tls(
    client: Client,
    provider: Provider,
    username_before: str,
    settings: Any,
    authority: Authority,
    bad_tls: dict[str, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with cases() as case:
        for name, tls in bad_tls.items():
            authorize_url = start_sign_in(client)
            callback_url = follow_to_callback(authorize_url)
            with (
                case(name),
                monkeypatch.context() as environment,
                ScriptedServer(tls=tls) as bad_server,
                settings_of(settings, DOMAIN=bad_server.url),
            ):
                if name != NOT_TRUSTED:
                    environment.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
                assert_unavailable(
                    refusal_page(client, provider, callback_url, calls=(), state=_state_of(authorize_url))
                )
                assert bad_server.count == 0
            with case(f"after {name}"):
                assert username_at(client) == username_before


def assert_unavailable(page: Any) -> None:
    """Assert that a page reports Cognito as unavailable, with a Retry-After header."""
    assert read_failure(page) == (503, "cognito_unavailable")
    assert int(page["Retry-After"]) > 0
    assert "cannot be reached" in page.content.decode()


@contextmanager
def settings_of(settings: Any, **keys: Any) -> Iterator[None]:
    """Set these keys of COGNITO within the context."""
    before = settings.COGNITO
    settings.COGNITO = {**before, **keys}
    try:
        yield
    finally:
        settings.COGNITO = before
