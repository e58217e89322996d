"""docs/sessions.md: views of the page, with a pool of the local Cognito whose users sign in with an email address."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import include, path
from local_cognito import Emulator
from local_cognito_support.hosted_site import PASSWORD, Browser

from django_cognito import factories
from tests.support.guide import load_object
from tests.support.local_cognito import POOL_ID, settings_for, sign_in_by_hand

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

EMAIL = "ada@example.com"
NOON = datetime.fromisoformat("2026-03-01T12:00+00:00")
SEED = {
    "id": POOL_ID,
    "username_attributes": ["email"],
    "groups": [{"name": "editors"}],
    "clients": [{"id": "1public", "callback_urls": ["http://testserver/auth/callback/"]}],
    "users": [{"username": EMAIL, "password": PASSWORD, "email_verified": True}],
}

urlpatterns = [
    path("invitation/", load_object("sessions", "accept_invitation")),
    path("login/", load_object("sessions", "show_login")),
    path("auth/", include("django_cognito.urls")),
]


@pytest.fixture
def emulator(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    settings.TIME_ZONE = "Europe/Paris"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with Emulator(seed={"pools": [SEED]}) as emulator:
        groups = {"editors": {"permissions": ["notes.add_note"]}}
        settings.COGNITO = settings_for(emulator, GROUPS=groups)
        monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
        yield emulator
    factories.discard_instances()


def sign_in_at(moment: datetime, client: Client, emulator: Emulator) -> None:
    """Sign ada in with the email address, at a time of the common clock."""
    with mock.patch("time.time", return_value=moment.timestamp()), Browser(emulator) as browser:  # type: ignore[arg-type]
        assert sign_in_by_hand(browser, client, EMAIL).status_code == 302


def get_at(moment: datetime, client: Client, url: str) -> Any:
    with mock.patch("time.time", return_value=moment.timestamp()):
        return client.get(url)


def test_invited_user_of_an_email_pool_has_the_permission(client: Client, emulator: Emulator) -> None:
    sign_in_at(NOON, client, emulator)
    # Of two tokens of one second, the groups that are in both count.
    assert get_at(NOON + timedelta(seconds=1), client, "/invitation/")["Location"] == "/notes/"


def test_page_shows_the_sign_in_and_the_last_refresh(client: Client, emulator: Emulator) -> None:
    sign_in_at(NOON, client, emulator)
    assert get_at(NOON, client, "/login/").content == b"Signed in 13:00, refreshed 13:00"
    later = NOON + timedelta(hours=2)  # the tokens are valid for an hour
    assert get_at(later, client, "/login/").content == b"Signed in 13:00, refreshed 15:00"


def test_page_shows_a_session_of_a_local_password(client: Client, emulator: Emulator) -> None:
    client.force_login(User.objects.create(username="local"), "django.contrib.auth.backends.ModelBackend")
    assert client.get("/login/").content == b"Signed in with a password of this site"
