"""A real Chromium that records the problems of every page, a real site, and a local Cognito with a provider."""

from collections.abc import Iterator
from typing import Any

import pytest
from local_cognito import Emulator
from local_cognito_support.chromium import running_chromium
from local_cognito_support.identity_provider import Provider, provider
from local_cognito_support.scripted_server import Answer, ScriptedServer
from local_cognito_support.user_pools import Clock
from playwright.sync_api import Browser, Page

from django_cognito import factories
from tests.support.local_cognito import settings_for
from tests.support.watched_browser import NewBrowser, Watch, origin_of

from .pools import ALL_SCOPES, CHOICES, seed

__all__ = ["provider"]

# The provider's own pages load this stylesheet; the request fails.
_PROVIDER_STYLES = "https://cdn.jsdelivr.net"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser, pytest.MonkeyPatch.context() as patched:
        # Playwright runs an event loop in this thread; the database is used between its calls, never inside them.
        patched.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield browser


@pytest.fixture(scope="module")
def other_app() -> Iterator[str]:
    """Yield the callback URL of another app on the same Cognito; it always shows a welcome page."""
    with ScriptedServer(Answer(body=b"Welcome to the other app.", headers={"content-type": "text/html"})) as server:
        yield f"{server.url}/callback"


@pytest.fixture(scope="module")
def _running(live_server: Any, provider: Provider, other_app: str) -> Iterator[tuple[Emulator, Clock]]:
    clock = Clock()
    with Emulator(seed=seed(live_server.url, provider.url, other_app), now=clock) as emulator:
        yield emulator, clock


@pytest.fixture
def cognito(_running: tuple[Emulator, Clock]) -> Emulator:
    return _running[0]


@pytest.fixture
def cognito_clock(_running: tuple[Emulator, Clock]) -> Iterator[Clock]:
    """Yield Cognito's clock, which the test can change; it is reset after the test."""
    yield _running[1]
    _running[1].ahead = 0.0


@pytest.fixture
def site(live_server: Any, cognito: Emulator, settings: Any) -> Iterator[str]:
    """Yield the site's origin; its Cognito runs."""
    settings.COGNITO = settings_for(cognito, SCOPES=ALL_SCOPES, IDENTITY_PROVIDERS=CHOICES)
    yield str(live_server.url)
    factories.discard_instances()


@pytest.fixture
def new_browser(
    chromium: Browser, site: str, cognito: Emulator, provider: Provider, other_app: str
) -> Iterator[NewBrowser]:
    """Yield a function that opens a user's own browser; a problem on any page that it shows fails the test."""
    watches: list[Watch] = []
    others = {provider.url, _PROVIDER_STYLES, origin_of(other_app)}

    def new(**options: Any) -> Watch:
        watches.append(Watch(chromium.new_context(**options), origins={site, cognito.url}, others=others))
        return watches[-1]

    yield new
    problems = [line for watch in watches for line in watch.problems()]
    for watch in watches:
        watch.context.close()
    assert problems == []


@pytest.fixture
def script() -> bool:
    """Return whether the browser runs JavaScript; see `EITHER_WAY`."""
    return True


@pytest.fixture
def watch(new_browser: NewBrowser, script: bool) -> Watch:
    """Return a user's own browser, whose problems are recorded."""
    return new_browser(java_script_enabled=script)


@pytest.fixture
def page(watch: Watch) -> Page:
    """Return a page of `watch`."""
    return watch.context.new_page()
