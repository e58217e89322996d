"""Cause each failure page of the package, in a real browser at a local Cognito."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from local_cognito import Emulator
from local_cognito_support.user_pools import Clock
from playwright.sync_api import Page, expect

from django_cognito.models import CognitoUser
from django_cognito.users.account_status import record_disabled
from tests.support.local_cognito import settings_for
from tests.support.page_object import authorize_as, expect_greeting, sign_in

from .pools import POOL_ID, settings_of_tenants, sub_of


@dataclass
class Scenario:
    """A browser's page, the site's origin and settings, Cognito and its clock."""

    page: Page
    site: str
    settings: Any
    cognito: Emulator
    clock: Clock
    patch: pytest.MonkeyPatch
    unreachable: str

    def set(self, **changes: Any) -> None:
        """Change the site's settings."""
        self.settings.COGNITO = {**self.settings.COGNITO, **changes}

    def start_sign_in(self, **query: str) -> None:
        """Open the sign-in URL, which redirects to the hosted UI."""
        self.page.goto(f"{self.site}/auth/login/?{urlencode({'next': '/mine/', **query})}")

    def sign_in(self, username: str = "alice") -> None:
        """Sign in at the hosted UI; the result may be a failure page."""
        self.start_sign_in(prompt="login")
        sign_in(self.page, username)

    def complete_sign_in(self, username: str = "alice") -> None:
        """Sign in and expect the site's greeting."""
        self.sign_in(username)
        expect_greeting(self.page, username)

    def press(self, name: str) -> None:
        """Press a button of the page."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def open_callback(self, **query: str) -> None:
        """Open the callback with the state of the sign-in that is pending on the hosted UI's page."""
        (state,) = parse_qs(urlsplit(self.page.url).query)["state"]
        self.page.goto(f"{self.site}/auth/callback/?{urlencode({'code': 'a-code', 'state': state, **query})}")


def _state_unknown(scenario: Scenario) -> None:
    scenario.page.goto(f"{scenario.site}/auth/callback/?code=a-code&state=another-browsers")


def _state_expired(scenario: Scenario) -> None:
    scenario.start_sign_in()
    scenario.patch.setattr("django_cognito.web.sign_in_cookies.LIFETIME_SECONDS", -1)
    sign_in(scenario.page)
    expect(scenario.page.get_by_text("Code: ")).to_be_visible()
    scenario.patch.undo()


def _session_cookie_lost(scenario: Scenario) -> None:
    """Lose the session cookie twice, each time right after the sign-in."""
    for _ in range(2):
        scenario.complete_sign_in()
        scenario.page.context.clear_cookies(name="sessionid")
    scenario.start_sign_in()


def _state_missing(scenario: Scenario) -> None:
    scenario.page.goto(f"{scenario.site}/auth/callback/?code=a-code")


def _refused_by_provider(scenario: Scenario) -> None:
    scenario.start_sign_in(identity_provider="Acme")
    scenario.page.get_by_role("button", name="Deny").click()  # some releases of the provider: "Deny access"


def _provider_trouble(scenario: Scenario) -> None:
    scenario.set(IDENTITY_PROVIDERS=["Gone"])
    scenario.start_sign_in(identity_provider="Gone")


def _cognito_unavailable(scenario: Scenario) -> None:
    scenario.start_sign_in()
    scenario.set(DOMAIN=scenario.unreachable)
    sign_in(scenario.page)


def _backend_missing(scenario: Scenario) -> None:
    scenario.start_sign_in(prompt="login")
    scenario.settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    sign_in(scenario.page)


def _token_not_yet_valid(scenario: Scenario) -> None:
    scenario.clock.pass_seconds(60)
    scenario.sign_in()


def _token_expired(scenario: Scenario) -> None:
    scenario.clock.pass_seconds(-2 * 3600)
    scenario.sign_in()


def _unauthorized_client(scenario: Scenario) -> None:
    """Disable the code flow while the user is on the login page."""
    scenario.start_sign_in()
    client = scenario.cognito.service.pools.get(POOL_ID).clients["1public"]
    scenario.patch.setitem(client.extended_config, "AllowedOAuthFlows", ["client_credentials"])
    sign_in(scenario.page)


def _client_refused(scenario: Scenario) -> None:
    scenario.set(SCOPES=["openid", "orders/read"])
    scenario.start_sign_in()


def _invalid_grant(scenario: Scenario) -> None:
    scenario.start_sign_in()
    scenario.open_callback()


def _invalid_client(scenario: Scenario) -> None:
    scenario.settings.COGNITO = settings_for(
        scenario.cognito, "2confidential", CLIENT_SECRET="not_the_secret_of_the_client"
    )
    scenario.sign_in()


def _user_inactive(scenario: Scenario) -> None:
    alice = get_user_model().objects.create(username="alice", is_active=False)
    _link(alice, sub_of(scenario.cognito, POOL_ID, "alice"), "alice")
    scenario.sign_in()


def _user_disabled_in_cognito(scenario: Scenario) -> None:
    scenario.complete_sign_in()
    record_disabled(CognitoUser.objects.get())
    scenario.start_sign_in()  # Cognito's own session is still good, and the callback requires the password
    sign_in(scenario.page)


def _revocation_unavailable(scenario: Scenario) -> None:
    scenario.settings.CACHES = {"default": {"BACKEND": "tests.faults.bad_caches.Down"}}
    scenario.set(WITHOUT_CACHE="reject")
    scenario.sign_in()


def _user_unknown(scenario: Scenario) -> None:
    scenario.set(CREATE_USERS=False)
    scenario.sign_in()


def _tenant_unknown(scenario: Scenario) -> None:
    scenario.settings.COGNITO = settings_of_tenants(scenario.cognito)
    scenario.page.goto(f"{scenario.site}/at/nowhere/")
    scenario.start_sign_in()


def _invalid_parameter(scenario: Scenario) -> None:
    scenario.start_sign_in(identity_provider="Unknown")


def _sign_in_too_old(scenario: Scenario) -> None:
    """Sign in while Cognito's clock is a minute behind, so that `auth_time` is too old."""
    scenario.clock.pass_seconds(-60)
    scenario.start_sign_in(max_age="5")
    sign_in(scenario.page)


def _wrong_issuer(scenario: Scenario) -> None:
    scenario.start_sign_in()
    scenario.open_callback(iss="https://login.evil.example")


def _linked_elsewhere(scenario: Scenario) -> None:
    scenario.start_sign_in(identity_provider="Acme")
    authorize_as(scenario.page, "ian")
    expect_greeting(scenario.page, "acme_ian")
    scenario.complete_sign_in("alice")
    scenario.press("Add my Acme account")
    authorize_as(scenario.page, "ian")


def _link_interrupted(scenario: Scenario) -> None:
    """Sign in as another user in the same browser before the link is complete."""
    scenario.complete_sign_in("alice")
    scenario.press("Add my Acme account")
    tab = scenario.page.context.new_page()
    Scenario(**{**vars(scenario), "page": tab}).complete_sign_in("bob")
    scenario.page.bring_to_front()
    authorize_as(scenario.page, "joy")


def _not_linked(scenario: Scenario) -> None:
    scenario.complete_sign_in("alice")
    other = _link(get_user_model().objects.get(), "00000000-0000-4000-8000-000000000000", "other")
    scenario.page.reload()
    expect(scenario.page.get_by_role("button", name="Remove other")).to_be_visible()
    other.delete()
    scenario.press("Remove other")


def _last_account(scenario: Scenario) -> None:
    scenario.complete_sign_in("alice")
    scenario.press("Remove alice")


def _link(user: Any, sub: str, username: str) -> CognitoUser:
    return CognitoUser.objects.create(user=user, user_pool_id=POOL_ID, sub=sub, username=username, as_of=timezone.now())


# Error code -> status of its page, and the function that causes the failure.
SCENARIOS: dict[str, tuple[int, Callable[[Scenario], None]]] = {
    "state_unknown": (400, _state_unknown),
    "state_expired": (400, _state_expired),
    "session_cookie_lost": (400, _session_cookie_lost),
    "state_missing": (400, _state_missing),
    "refused_by_provider": (400, _refused_by_provider),
    "provider_trouble": (503, _provider_trouble),
    "cognito_unavailable": (503, _cognito_unavailable),
    "token_not_yet_valid": (403, _token_not_yet_valid),
    "token_expired": (403, _token_expired),
    "unauthorized_client": (400, _unauthorized_client),
    "client_refused": (400, _client_refused),
    "invalid_grant": (400, _invalid_grant),
    "invalid_client": (400, _invalid_client),
    "backend_missing": (400, _backend_missing),
    "user_inactive": (403, _user_inactive),
    "user_disabled_in_cognito": (403, _user_disabled_in_cognito),
    "revocation_unavailable": (503, _revocation_unavailable),
    "user_unknown": (403, _user_unknown),
    "tenant_unknown": (400, _tenant_unknown),
    "invalid_parameter": (400, _invalid_parameter),
    "sign_in_too_old": (400, _sign_in_too_old),
    "wrong_issuer": (400, _wrong_issuer),
    "linked_elsewhere": (403, _linked_elsewhere),
    "link_interrupted": (400, _link_interrupted),
    "not_linked": (400, _not_linked),
    "last_way_in": (400, _last_account),
}
