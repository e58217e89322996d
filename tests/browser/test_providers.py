"""People of other providers: by a button, by the domain of their e-mail address, and at the tenant that is theirs."""

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
ITS_GROUP = f"{POOL_ID}_Acme"


def id_token() -> IdToken:
    """The ID token of the one login that there is."""
    raw = store.decrypt_tokens(CognitoLogin.objects.get()).id_token
    return IdToken(POOL_ID, decode_jws(raw, max_bytes=len(raw))[1])


@EITHER_WAY
def test_a_button_leads_to_the_provider_and_back_with_the_groups_and_the_identities(
    page: Page, site: str, provider: Provider, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {ITS_GROUP: {"groups": ["From Acme"]}}}
    provider.put("fay", email="fay@acme.example", email_verified=True, given_name="Fay")
    page.goto(site)
    go_by_keyboard(page, "Continue with Acme Ltd")
    authorize_as(page, "fay")
    expect_greeting(page, "Acme_fay")
    assert page.url == f"{site}/mine/"
    expect(page.get_by_text(f"in {ITS_GROUP}.")).to_be_visible()
    fay = get_user_model().objects.get()
    assert (fay.first_name, fay.email) == ("Fay", "fay@acme.example")
    assert [group.name for group in fay.groups.all()] == ["From Acme"]
    (identity,) = id_token().claims["identities"]
    assert (identity["providerName"], identity["providerType"], identity["userId"]) == ("Acme", "OIDC", "fay")


def test_who_comes_a_second_time_is_the_same_user_with_what_has_changed(
    page: Page, site: str, provider: Provider, cognito_clock: Clock
) -> None:
    for name in ("Gus", "Augustus"):
        cognito_clock.ahead += 1  # of two ID tokens of one second, the first one's attributes stay
        provider.put("gus", email="gus@acme.example", given_name=name)
        page.goto(site)
        page.get_by_role("link", name="Continue with Acme Ltd").click()
        authorize_as(page, "gus")
        expect_greeting(page, "Acme_gus")
        assert get_user_model().objects.get().first_name == name
        page.get_by_role("button", name="Sign out", exact=True).click()
        expect_greeting(page, "stranger")
    assert CognitoUser.objects.count() == 1
    assert not Group.objects.exists()


@EITHER_WAY
def test_an_address_of_acme_leads_to_acmes_provider(page: Page, site: str, provider: Provider) -> None:
    page.goto(site)
    page.get_by_label("E-mail address").fill("Hal@ACME.example")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{provider.url}/**")
    authorize_as(page, "hal")
    expect_greeting(page, "Acme_hal")
    assert page.url == f"{site}/mine/"


def test_any_other_address_leads_to_cognitos_own_page_where_it_is_filled_in(
    page: Page, site: str, cognito: Emulator
) -> None:
    page.goto(site)
    page.get_by_label("E-mail address").fill("alice@acme.example.com")
    go_by_keyboard(page, "Continue")
    expect(page.get_by_label("Username")).to_have_value("alice@acme.example.com")
    expect(page.get_by_label("Password")).to_be_focused()
    assert page.url.startswith(f"{cognito.url}/login?")


def test_each_tenants_people_sign_in_at_their_own_pool_and_are_their_own_users(
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
    assert {(each.user_pool_id, each.sub) for each in CognitoUser.objects.all()} == {
        (pool_id, sub_of(cognito, pool_id, "alice")) for pool_id in (POOL_ID, UMBRELLA_POOL)
    }
    assert get_user_model().objects.count() == 2
    # Each leaves by the hosted UI of their own pool, and the other stays.
    browsers["umbrella"].get_by_role("button", name="Sign out", exact=True).click()
    expect_greeting(browsers["umbrella"], "stranger")
    browsers["acme"].reload()
    expect(browsers["acme"].get_by_text(f"From {POOL_ID}, in")).to_be_visible()


def test_who_is_signed_in_at_one_tenant_is_asked_for_a_password_at_the_other(
    page: Page, site: str, cognito: Emulator, settings: Any
) -> None:
    """One Cognito, one browser: what the one pool knows of it is nothing to the other."""
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
