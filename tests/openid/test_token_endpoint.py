"""FI-01 and FI-12 to FI-19 at the token endpoint, met by a login through the views and by its renewal.

An outage is 503 with Retry-After, a refusal 400, never the one for the other. Either leaves all as it was.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from local_cognito_support.scripted_server import Answer, Reset, ScriptedServer, Silence, Step, json_answer

from django_cognito.models import CognitoLogin
from tests.support.bad_answers import BAD_TLS, DRIPS, FLOODS, HASTE, KEYLESS, UNREADABLE
from tests.support.certificates import Authority
from tests.support.connections import full_backlog
from tests.support.scenarios.login import change_login, read_query, refusal, unchanged, username_at
from tests.support.timeouts import HTTP_TIMEOUT_SECONDS

from .fault import NO_FAULT, Fault
from .provider import CLIENT_ID, Provider
from .scenario import come_back_from, sign_in, told, way_in
from .scenario import refusal as refused

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

Faulty = Callable[[str], AbstractContextManager[None]]
BAIT = ("http://169.254.169.254/latest/meta-data/", "https://attacker.invalid/oauth2/token", "file:///etc/passwd")
# Steps in place of the token endpoint's answer; those of FI-15 and FI-16 would take for ever.
AWAY: dict[str, Callable[[], Step]] = {
    "FI-01 reset": Reset,
    **{f"FI-01 {status}": partial(Answer, status) for status in (429, 500, 502, 503, 504)},
    "FI-01 invalid_grant, and 500": partial(refusal, status=500),
    "FI-01 invalid_grant, and 429": partial(refusal, status=429),
    "FI-01 a refusal in no word of OAuth": partial(refusal, "no word"),
    **{
        f"FI-12 {name}": partial(json_answer, document)
        for name, document in KEYLESS.items()
        if not isinstance(document, dict)
    },
    **{f"FI-13 {name}": partial(lambda step: step, step) for name, step in UNREADABLE.items()},
    **{f"FI-14 {name}": make for name, make in FLOODS.items()},
    **{f"FI-15 {name}": partial(lambda step: step, step) for name, step in DRIPS.items()},
    "FI-16 silence": Silence,
    **{
        f"FI-18 {status} to {bait}": partial(Answer, status, headers={"location": bait})
        for status in (301, 302, 303, 307, 308)
        for bait in BAIT
    },
}
EACH_STEP = pytest.mark.parametrize("fault", AWAY)
REFUSED: dict[str, tuple[Step, str]] = {
    **{
        f"{error}, {status}": (refusal(error, status), error)
        for error in ("invalid_client", "invalid_grant", "invalid_request", "invalid_scope", "unauthorized_client")
        for status in (400, 401)
    },
    "a word that nobody knows": (refusal("of_their_own"), "sign_in_refused"),
    "invalid_grant, as if all were well": (refusal(status=200), "malformed_response"),
    **{
        f"FI-12 {name}": (json_answer(document), "malformed_response")
        for name, document in KEYLESS.items()
        if isinstance(document, dict)
    },
}


@pytest.fixture
def faulty(settings: Any, provider: Provider) -> Faulty:
    """`with faulty(name)`: the token endpoint has this fault, and the site as much patience as that takes."""

    @contextmanager
    def fault_of(name: str) -> Iterator[None]:
        provider.fault = Fault(steps={"token": AWAY[name]()})
        is_about_time = name.startswith(("FI-15", "FI-16"))
        with settings_of(settings, TOKEN_TIMEOUT_SECONDS=HASTE if is_about_time else HTTP_TIMEOUT_SECONDS):
            yield
        provider.fault = NO_FAULT

    return fault_of


@pytest.mark.defends("RP-24", "RP-25")
@EACH_STEP
def test_an_outage_is_a_page_that_says_when_to_come_again(
    client: Client, provider: Provider, before: str, faulty: Faulty, fault: str
) -> None:
    asked = way_in(client)
    back = come_back_from(asked)
    with faulty(fault):
        is_unavailable(refused(client, provider, back, asks=("token",), state=read_query(asked)["state"]))
    assert username_at(client) == before
    sign_in(client)
    assert username_at(client) == "alice"


@pytest.mark.defends("RP-24")
@EACH_STEP
def test_an_outage_at_a_renewal_ends_no_login(client: Client, provider: Provider, faulty: Faulty, fault: str) -> None:
    sign_in(client)
    change_login(CognitoLogin.objects.get(), ends_in=-1)
    provider.asked.clear()
    with faulty(fault), unchanged(client):
        answer = client.get("/subject/")
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")
    assert int(answer["Retry-After"]) > 0
    assert provider.asked == ["token"]
    change_login(CognitoLogin.objects.get(), retry_in=-1)
    assert client.get("/subject/").status_code == 200
    assert CognitoLogin.objects.get().version == 1


@pytest.mark.defends("RP-24")
@pytest.mark.parametrize(("step", "code"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_is_a_page_and_no_outage(
    client: Client, provider: Provider, before: str, step: Step, code: str
) -> None:
    asked = way_in(client)
    back = come_back_from(asked)
    provider.fault = Fault(steps={"token": step})
    page = refused(client, provider, back, asks=("token",), state=read_query(asked)["state"])
    assert (told(page), "Retry-After" in page) == ((400, code), False)
    assert username_at(client) == before


@pytest.mark.defends("RP-24")
def test_fi_01_and_fi_16_where_nobody_takes_the_call_it_is_an_outage(
    client: Client, provider: Provider, before: str, settings: Any, unreachable: str
) -> None:
    with full_backlog() as full, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)  # and never accepts
        for origin in (unreachable, full, f"http://127.0.0.1:{listener.getsockname()[1]}"):
            asked = way_in(client)
            back = come_back_from(asked)
            with settings_of(settings, DOMAIN=origin, TOKEN_TIMEOUT_SECONDS=HASTE):
                is_unavailable(refused(client, provider, back, asks=(), state=read_query(asked)["state"]))
            assert username_at(client) == before


@pytest.mark.defends("RP-24")
def test_fi_17_a_name_that_cannot_be_resolved_is_an_outage_until_it_can(
    client: Client, provider: Provider, before: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": provider.url.replace("127.0.0.1", "localhost")}
    asked = way_in(client)
    back = come_back_from(asked)
    with monkeypatch.context() as patched:
        patched.setattr("django_cognito.core.http.deadline.socket.getaddrinfo", _unknown_name)
        is_unavailable(refused(client, provider, back, asks=(), state=read_query(asked)["state"]))
    assert username_at(client) == before
    sign_in(client)
    assert username_at(client) == "alice"


def _unknown_name(*_: Any, **__: Any) -> Any:
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.mark.defends("RP-24", "RP-25")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_fi_18_a_redirect_takes_the_code_to_no_other_server(
    client: Client, provider: Provider, before: str, status: int
) -> None:
    asked = way_in(client)
    back = come_back_from(asked)
    with Provider(provider.user_pool_id, CLIENT_ID) as other:
        location = f"{other.url}/oauth2/token"
        provider.fault = Fault(steps={"token": Answer(status, headers={"location": location})})
        is_unavailable(refused(client, provider, back, asks=("token",), state=read_query(asked)["state"]))
        assert other.count == 0
    assert username_at(client) == before


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that this site trusts, see `trusted`."""
    folder: Path = tmp_path_factory.mktemp("authority")
    return Authority(folder)


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The same, trusted now."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    return authority


@pytest.mark.defends("RP-24")
def test_fi_19_with_a_good_certificate_somebody_signs_in(
    client: Client, provider: Provider, settings: Any, trusted: Authority
) -> None:
    with Provider(provider.user_pool_id, CLIENT_ID, tls=trusted.tls()) as secure:
        settings.COGNITO = {**settings.COGNITO, **secure.settings}
        sign_in(client)
        assert (username_at(client), secure.asked, provider.count) == ("alice", ["authorize", "token", "jwks"], 0)


@pytest.mark.defends("RP-24")
@pytest.mark.parametrize("name", [*BAD_TLS, "an authority that is not trusted"])
def test_fi_19_with_bad_tls_nothing_is_sent(
    client: Client,
    provider: Provider,
    before: str,
    settings: Any,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    if name in BAD_TLS:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    asked = way_in(client)
    back = come_back_from(asked)
    tls = BAD_TLS[name](authority) if name in BAD_TLS else authority.tls()
    with ScriptedServer(tls=tls) as bad, settings_of(settings, DOMAIN=bad.url):
        is_unavailable(refused(client, provider, back, asks=(), state=read_query(asked)["state"]))
        assert bad.count == 0
    assert username_at(client) == before


def is_unavailable(page: Any) -> None:
    """Whether a page says that Cognito does not answer, and when to come again."""
    assert told(page) == (503, "cognito_unavailable")
    assert int(page["Retry-After"]) > 0
    assert "cannot be reached" in page.content.decode()


@contextmanager
def settings_of(settings: Any, **keys: Any) -> Iterator[None]:
    """These keys of COGNITO, while it is open."""
    before = settings.COGNITO
    settings.COGNITO = {**before, **keys}
    yield
    settings.COGNITO = before
