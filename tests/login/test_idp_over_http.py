"""Attacks with a code without a state, through a real hosted UI over HTTP."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from local_cognito import Emulator
from local_cognito_support.hosted_site import Browser, read_query

from django_cognito import factories
from django_cognito.models import CognitoLogin
from tests.login.test_idp_initiated import form_of
from tests.support.local_cognito import hosted_ui, seed_for, settings_for
from tests.support.scenarios.login import CALLBACK, username_at

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

HOST = "testserver"


@pytest.fixture(scope="module")
def running_emulator() -> Iterator[Emulator]:
    with Emulator(seed=seed_for(f"http://{HOST}")) as emulator:
        yield emulator


@pytest.fixture
def emulator(running_emulator: Emulator, settings: Any) -> Iterator[Emulator]:
    settings.COGNITO = settings_for(running_emulator, IDP_INITIATED={HOST: "COGNITO"})
    yield running_emulator
    factories.discard_instances()


@pytest.fixture
def browser(emulator: Emulator) -> Iterator[Browser]:
    with Browser(emulator) as browser:  # type: ignore[arg-type]
        yield browser


def plant_session_and_code(client: Client, browser: Browser) -> Any:
    """Open bob's session at Cognito in the victim's browser, and send it to the callback with bob's code."""
    attacker = Client()
    hosted_ui(browser, attacker)
    callback_url = browser.sign_in("bob").headers["Location"]
    return client.get(CALLBACK, {"code": read_query(callback_url)["code"]})


@pytest.mark.defends("RP-07")
def test_attackers_session_and_code_sign_in_the_victim_only(
    client: Client, emulator: Emulator, browser: Browser
) -> None:
    url = plant_session_and_code(client, browser)["Location"]
    assert username_at(client) == "nobody"
    page = browser.open(urlsplit(url).path, **read_query(url))
    assert "Location" not in page.headers  # a form for the password, not a code of bob's session
    page = client.get(browser.sign_in("alice").headers["Location"])  # signed in too quickly for the clocks
    assert "Continue as alice" in page.content.decode()
    answer = client.post("/auth/confirm/", form_of(page))
    assert (answer["Location"], username_at(client)) == ("/", "alice")
    assert [user.get_username() for user in get_user_model().objects.all()] == ["alice"]


@pytest.mark.defends("RP-07")
def test_attackers_session_without_prompt_is_named_and_not_used(
    client: Client, emulator: Emulator, browser: Browser, cognito: Any
) -> None:
    cognito(IDP_INITIATED={HOST: {"provider": "COGNITO", "prompt": ""}})
    url = plant_session_and_code(client, browser)["Location"]
    page = client.get(browser.open(urlsplit(url).path, **read_query(url)).headers["Location"])
    (heading,) = re.findall("<h1>(.*)</h1>", page.content.decode())
    assert unescape(heading) == "Continue as bob (bob@example.com)?"
    assert (username_at(client), CognitoLogin.objects.count(), get_user_model().objects.count()) == ("nobody", 0, 0)
