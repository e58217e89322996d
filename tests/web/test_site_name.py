"""The name of the site on the package's pages: of django.contrib.sites, else the host."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.db import InterfaceError, OperationalError
from django.test import Client, RequestFactory
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.testing import sign_in
from django_cognito.web.site_name import get_site_name
from tests.support.scenarios.login import finish_sign_in, read_query, start_sign_in, token_response

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

NAME = "Field <notes> & Co"
ESCAPED = "Field &lt;notes&gt; &amp; Co"


@pytest.fixture
def sites(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Django return a current site whose name needs escapes, as with django.contrib.sites."""
    monkeypatch.setattr("django_cognito.web.site_name.get_current_site", lambda request: SimpleNamespace(name=NAME))


def _failure(client: Client, server: ScriptedServer) -> Any:
    return finish_sign_in(client, start_sign_in(client), code=None, error="access_denied")


def _sign_out(client: Client, server: ScriptedServer) -> Any:
    sign_in(client)
    return client.get("/auth/logout/")


def _signed_out(client: Client, server: ScriptedServer) -> Any:
    return client.get("/auth/logout/")


def _link(client: Client, server: ScriptedServer) -> Any:
    sign_in(client)
    params = read_query(client.post("/auth/link/")["Location"])
    return finish_sign_in(client, params, code=None, error="access_denied")


def _confirmation(client: Client, server: ScriptedServer) -> Any:
    params = read_query(client.get("/auth/callback/?code=a-code")["Location"])
    server.script(token_response(nonce=params["nonce"]))
    return client.get("/auth/callback/", {"code": "a-code", "state": params["state"]})


PAGES = [_failure, _sign_out, _signed_out, _link, _confirmation]


@pytest.mark.parametrize("open_page", PAGES)
@pytest.mark.parametrize("is_installed", [False, True])
def test_each_page_names_the_site(
    client: Client,
    token_endpoint: ScriptedServer,
    cognito: Any,
    request: pytest.FixtureRequest,
    open_page: Callable[[Client, ScriptedServer], Any],
    is_installed: bool,
) -> None:
    cognito(IDP_INITIATED={"testserver": {"provider": "Acme", "prompt": ""}})
    if is_installed:
        request.getfixturevalue("sites")
    text, name = open_page(client, token_endpoint).content.decode(), ESCAPED if is_installed else "testserver"
    assert f" | {name}</title>" in text
    assert f'<p class="site">{name}</p>' in text
    assert NAME not in text


@pytest.mark.parametrize("error", [ObjectDoesNotExist, ImproperlyConfigured, OperationalError, InterfaceError])
def test_site_that_cannot_be_read_is_named_by_its_host(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def fail(request: Any) -> Any:
        raise error

    monkeypatch.setattr("django_cognito.web.site_name.get_current_site", fail)
    assert get_site_name(RequestFactory().get("/")) == "testserver"
