"""Users of external providers: by a button, by the domain of their email address, and at their own tenant."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from local_cognito import Emulator
from local_cognito_support.identity_provider import Provider
from local_cognito_support.user_pools import Clock
from playwright.sync_api import Page, expect

from django_cognito.core import IdToken
from django_cognito.core.tokens.jws import decode_jws
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import store
from tests.support.page_object import authorize_as, expect_greeting, go_by_keyboard, sign_in
from tests.support.watched_browser import EITHER_WAY, NewBrowser

from .pools import POOL_ID, UMBRELLA_POOL, settings_of_tenants, sub_of

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.browser.journey_site"),
]
ACME_GROUP = f"{POOL_ID}_Acme"


def id_token() -> IdToken:
    """Return the ID token of the only login."""
    raw = store.decrypt_tokens(CognitoLogin.objects.get()).id_token
    return IdToken(POOL_ID, decode_jws(raw, max_bytes=len(raw))[1])


@EITHER_WAY
def test_provider_button_signs_in_with_groups_and_identities(
    page: Page, site: str, provider: Provider, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {ACME_GROUP: {"groups": ["From Acme"]}}}
    provider.put("fay", email="fay@acme.example", email_verified=True, given_name="Fay")
    page.goto(site)
    go_by_keyboard(page, "Continue with Acme Ltd")
    authorize_as(page, "fay")
    expect_greeting(page, "acme_fay")
    assert page.url == f"{site}/mine/"
    expect(page.get_by_text(f"in {ACME_GROUP}.")).to_be_visible()
    fay = get_user_model().objects.get()
    assert (fay.first_name, fay.email) == ("Fay", "fay@acme.example")
    assert [group.name for group in fay.groups.all()] == ["From Acme"]
    (identity,) = id_token().claims["identities"]
    assert (identity["providerName"], identity["providerType"], identity["userId"]) == ("Acme", "OIDC", "fay")


def test_second_sign_in_by_provider_updates_the_same_user(
    page: Page, site: str, provider: Provider, cognito_clock: Clock
) -> None:
    for name in ("Gus", "Augustus"):
        cognito_clock.ahead += 1  # of two ID tokens issued in the same second, the first one's attributes are stored
        provider.put("gus", email="gus@acme.example", given_name=name)
        page.goto(site)
        page.get_by_role("link", name="Continue with Acme Ltd").click()
        authorize_as(page, "gus")
        expect_greeting(page, "acme_gus")
        assert get_user_model().objects.get().first_name == name
        page.get_by_role("button", name="Sign out", exact=True).click()
        expect_greeting(page, "stranger")
    assert CognitoUser.objects.count() == 1
    assert not Group.objects.exists()


@EITHER_WAY
def test_email_domain_of_a_provider_redirects_to_that_provider(page: Page, site: str, provider: Provider) -> None:
    page.goto(site)
    page.get_by_label("E-mail address").fill("Hal@ACME.example")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{provider.url}/**")
    authorize_as(page, "hal")
    expect_greeting(page, "acme_hal")
    assert page.url == f"{site}/mine/"


def test_other_email_domain_opens_the_hosted_ui_with_the_email(page: Page, site: str, cognito: Emulator) -> None:
    page.goto(site)
    page.get_by_label("E-mail address").fill("alice@acme.example.com")
    go_by_keyboard(page, "Continue")
    expect(page.get_by_label("Username")).to_have_value("alice@acme.example.com")
    expect(page.get_by_label("Password")).to_be_focused()
    assert page.url.startswith(f"{cognito.url}/login?")


def test_tenant_users_sign_in_at_their_own_pool_as_separate_users(
    new_browser: NewBrowser, site: str, cognito: Emulator, settings: Any
) -> None:
    settings.COGNITO = settings_of_tenants(cognito)
    browsers = {}
    for alias, pool_id in (("acme", POOL_ID), ("umbrella", UMBRELLA_POOL)):
        page = browsers[alias] = new_browser().context.new_page()
        page.goto(f"{site}/at/{alias}/")
        assert page.get_by_role("link", name="Continue with Acme Ltd").count() == (alias == "acme")
        page.get_by_role("link", name="Sign in", exact=True).click()
        sign_in(page)
        expect(page.get_by_text(f"From {pool_id}, in")).to_be_visible()
    assert {(account.user_pool_id, account.sub) for account in CognitoUser.objects.all()} == {
        (pool_id, sub_of(cognito, pool_id, "alice")) for pool_id in (POOL_ID, UMBRELLA_POOL)
    }
    assert get_user_model().objects.count() == 2
    # Each user signs out at the hosted UI of their own pool; the other stays signed in.
    browsers["umbrella"].get_by_role("button", name="Sign out", exact=True).click()
    expect_greeting(browsers["umbrella"], "stranger")
    browsers["acme"].reload()
    expect(browsers["acme"].get_by_text(f"From {POOL_ID}, in")).to_be_visible()


def test_session_at_one_tenant_does_not_sign_in_at_another(
    page: Page, site: str, cognito: Emulator, settings: Any
) -> None:
    """Both pools are at one Cognito and the browser is the same; a session at one pool is no session at the other."""
    settings.COGNITO = settings_of_tenants(cognito)
    page.goto(f"{site}/at/acme/")
    page.get_by_role("link", name="Sign in", exact=True).click()
    sign_in(page)
    expect(page.get_by_text(f"From {POOL_ID}, in")).to_be_visible()
    page.goto(f"{site}/at/umbrella/")
    page.goto(f"{site}/auth/login/")
    sign_in(page)
    expect(page.get_by_text(f"From {UMBRELLA_POOL}, in")).to_be_visible()
    assert CognitoLogin.objects.get().cognito_user.user_pool_id == UMBRELLA_POOL
