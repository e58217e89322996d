"""A site with CLIENT_SECRET_ARN at the local Cognito, which publishes the secret and rotates it."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from local_cognito import Emulator
from local_cognito_support.hosted_site import Browser

from django_cognito.conf.loading import get_settings
from django_cognito.factories import get_token_endpoints
from django_cognito.models import CognitoLogin
from tests.support.local_cognito import POOL_ID, seed_for, settings_for, sign_in_by_hand
from tests.support.scenarios.login import change_login, username_at

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

CLIENT_ID = "2confidential"
WITH_DOMAIN = pytest.mark.parametrize("has_domain", [True, False], ids=["hosted UI", "user-pool API"])


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    seed = seed_for("http://testserver")
    client = next(item for item in seed["pools"][0]["clients"] if item["id"] == CLIENT_ID)
    client |= {"publish_secret": True, "rotate_secret_seconds": 3_600, "former_secret_seconds": 60}
    with Emulator(seed=seed) as running:
        yield running


@pytest.fixture
def site(emulator: Emulator, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Configure a site with the ARN of the client's secret; return its local Cognito."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", emulator.admin_credentials.id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", emulator.admin_credentials.secret)
    arn = emulator.client_secret_arn(CLIENT_ID)
    settings.COGNITO = settings_for(emulator, CLIENT_ID, CLIENT_SECRET="", CLIENT_SECRET_ARN=arn)
    return emulator


@pytest.fixture
def rotate(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function: the next rotation of the schedule is due, and the former secret but one has expired."""
    published, former = emulator.service.published_secrets, emulator.service.pools._former_secrets
    now = [time.monotonic()]
    for part in (published, former):
        monkeypatch.setattr(part, "_monotonic", lambda: now[0])

    def move() -> None:
        now[0] += 3_601

    return move


def end_cooldown() -> None:
    get_token_endpoints(get_settings(), "api")._secret.reset_after_fork()  # type: ignore[attr-defined]


def expire_tokens() -> None:
    change_login(CognitoLogin.objects.get(), ends_in=-1, retry_in=-1)


@WITH_DOMAIN
def test_site_with_a_secret_arn_refreshes_while_it_rotates(
    client: Client, site: Emulator, settings: Any, rotate: Callable[[], None], has_domain: bool
) -> None:
    sign_in_by_hand(Browser(site), client)
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": site.domain if has_domain else ""}
    secrets = set()
    for version in range(1, 4):
        rotate()
        expire_tokens()
        end_cooldown()
        assert username_at(client) == "alice"
        assert CognitoLogin.objects.get().version == version
        client_of_pool = site.service.client(CLIENT_ID)
        assert client_of_pool is not None
        secrets.add(client_of_pool.secret)
    assert len(secrets) == 3


@WITH_DOMAIN
def test_refused_secret_of_an_arn_signs_no_user_out(
    client: Client, site: Emulator, settings: Any, has_domain: bool
) -> None:
    sign_in_by_hand(Browser(site), client)
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": site.domain if has_domain else ""}
    get_token_endpoints(get_settings(), "hosted_ui")._secret.read()  # type: ignore[attr-defined]
    site.replace_client_secret(CLIENT_ID, "another_secret_of_24_letters")
    expire_tokens()
    answer = client.get("/subject/")  # the secret was read a moment ago, and is not read again
    assert (answer.status_code, answer.json()["code"]) == (503, "client_refused")
    assert CognitoLogin.objects.active().count() == 1
    expire_tokens()
    end_cooldown()
    assert username_at(client) == "alice"


def test_sign_in_without_permission_to_read_the_secret_is_503(
    client: Client, site: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUNKNOWNUNKNOWN12")
    answer = sign_in_by_hand(Browser(site), client)
    assert (answer.status_code, answer.context["code"]) == (503, "client_secret_unavailable")
    assert "GetSecretValue failed with UnrecognizedClientException" in caplog.text


def test_sign_out_after_a_rotation_revokes_with_the_new_secret(
    client: Client, site: Emulator, rotate: Callable[[], None]
) -> None:
    sign_in_by_hand(Browser(site), client)
    (grant,) = site.service.grants._live.values()
    assert grant.pool_id == POOL_ID
    rotate()
    end_cooldown()
    client.logout()
    assert not site.service.grants._live
