"""Each way in which a sign-in ends on a page of ours, brought about in a real browser at a real Cognito."""

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
from tests.support.local_cognito import settings_for
from tests.support.page_object import authorize_as, expect_greeting, sign_in

from .pools import POOL_ID, settings_of_tenants, sub_of


@dataclass
class Scene:
    """A browser's page, the site's origin and settings, Cognito and its clock."""

    page: Page
    site: str
    settings: Any
    cognito: Emulator
    clock: Clock
    patch: pytest.MonkeyPatch
    unreachable: str

    def set(self, **changes: Any) -> None:
        """The site's settings, with changes."""
        self.settings.COGNITO = {**self.settings.COGNITO, **changes}

    def begin(self, **query: str) -> None:
        """Be sent to the hosted UI."""
        self.page.goto(f"{self.site}/auth/login/?{urlencode({'next': '/mine/', **query})}")

    def sign_in(self, username: str = "alice") -> None:
        """A whole sign-in."""
        self.begin(prompt="login")
        sign_in(self.page, username)

    def arrive(self, username: str = "alice") -> None:
        """A whole sign-in that succeeds."""
        self.sign_in(username)
        expect_greeting(self.page, username)

    def press(self, name: str) -> None:
        """Press a button of the page."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def come_back(self, **query: str) -> None:
        """Open the callback with the state of the sign-in that is pending on the hosted UI's page."""
        (state,) = parse_qs(urlsplit(self.page.url).query)["state"]
        self.page.goto(f"{self.site}/auth/callback/?{urlencode({'code': 'a-code', 'state': state, **query})}")


def _state_unknown(scene: Scene) -> None:
    scene.page.goto(f"{scene.site}/auth/callback/?code=a-code&state=another-browsers")


def _state_expired(scene: Scene) -> None:
    scene.begin()
    scene.patch.setattr("django_cognito.web.sign_in_cookies.LIFETIME_SECONDS", -1)
    sign_in(scene.page)
    expect(scene.page.get_by_text("Code: ")).to_be_visible()
    scene.patch.undo()


def _session_cookie_lost(scene: Scene) -> None:
    """The browser does not send back the session cookie that it was given a moment ago, twice."""
    for _ in range(2):
        scene.arrive()
        scene.page.context.clear_cookies(name="sessionid")
    scene.begin()


def _state_missing(scene: Scene) -> None:
    scene.page.goto(f"{scene.site}/auth/callback/?code=a-code")


def _refused_by_provider(scene: Scene) -> None:
    scene.begin(identity_provider="Acme")
    scene.page.get_by_role("button", name="Deny").click()  # some releases of the provider: "Deny access"


def _provider_trouble(scene: Scene) -> None:
    scene.set(IDENTITY_PROVIDERS=["Gone"])
    scene.begin(identity_provider="Gone")


def _cognito_unavailable(scene: Scene) -> None:
    scene.begin()
    scene.set(DOMAIN=scene.unreachable)
    sign_in(scene.page)


def _token_not_yet_valid(scene: Scene) -> None:
    scene.clock.pass_seconds(60)
    scene.sign_in()


def _token_expired(scene: Scene) -> None:
    scene.clock.pass_seconds(-2 * 3600)
    scene.sign_in()


def _unauthorized_client(scene: Scene) -> None:
    """Somebody switches the code flow off, with people at the login page."""
    scene.begin()
    client = scene.cognito.service.pools.get(POOL_ID).clients["1public"]
    scene.patch.setitem(client.extended_config, "AllowedOAuthFlows", ["client_credentials"])
    sign_in(scene.page)


def _client_refused(scene: Scene) -> None:
    scene.set(SCOPES=["openid", "orders/read"])
    scene.begin()


def _invalid_grant(scene: Scene) -> None:
    scene.begin()
    scene.come_back()


def _invalid_client(scene: Scene) -> None:
    scene.settings.COGNITO = settings_for(scene.cognito, "2confidential", CLIENT_SECRET="not_the_secret_of_the_client")
    scene.sign_in()


def _user_inactive(scene: Scene) -> None:
    alice = get_user_model().objects.create(username="alice", is_active=False)
    _link(alice, sub_of(scene.cognito, POOL_ID, "alice"), "alice")
    scene.sign_in()


def _user_unknown(scene: Scene) -> None:
    scene.set(CREATE_USERS=False)
    scene.sign_in()


def _tenant_unknown(scene: Scene) -> None:
    scene.settings.COGNITO = settings_of_tenants(scene.cognito)
    scene.page.goto(f"{scene.site}/at/nowhere/")
    scene.begin()


def _invalid_parameter(scene: Scene) -> None:
    scene.begin(identity_provider="Somebody")


def _sign_in_too_old(scene: Scene) -> None:
    """Cognito takes a password to be given a minute ago."""
    scene.clock.pass_seconds(-60)
    scene.begin(max_age="5")
    sign_in(scene.page)


def _wrong_issuer(scene: Scene) -> None:
    scene.begin()
    scene.come_back(iss="https://login.evil.example")


def _linked_elsewhere(scene: Scene) -> None:
    scene.begin(identity_provider="Acme")
    authorize_as(scene.page, "ian")
    expect_greeting(scene.page, "Acme_ian")
    scene.arrive("alice")
    scene.press("Add my Acme account")
    authorize_as(scene.page, "ian")


def _link_interrupted(scene: Scene) -> None:
    """Somebody else signs in at the same browser meanwhile."""
    scene.arrive("alice")
    scene.press("Add my Acme account")
    tab = scene.page.context.new_page()
    Scene(**{**vars(scene), "page": tab}).arrive("bob")
    scene.page.bring_to_front()
    authorize_as(scene.page, "joy")


def _not_linked(scene: Scene) -> None:
    scene.arrive("alice")
    other = _link(get_user_model().objects.get(), "00000000-0000-4000-8000-000000000000", "other")
    scene.page.reload()
    expect(scene.page.get_by_role("button", name="Remove other")).to_be_visible()
    other.delete()
    scene.press("Remove other")


def _last_way_in(scene: Scene) -> None:
    scene.arrive("alice")
    scene.press("Remove alice")


def _link(user: Any, sub: str, username: str) -> CognitoUser:
    return CognitoUser.objects.create(user=user, user_pool_id=POOL_ID, sub=sub, username=username, as_of=timezone.now())


# Error code -> status of its page, and how to get there.
SCENES: dict[str, tuple[int, Callable[[Scene], None]]] = {
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
    "user_inactive": (403, _user_inactive),
    "user_unknown": (403, _user_unknown),
    "tenant_unknown": (400, _tenant_unknown),
    "invalid_parameter": (400, _invalid_parameter),
    "sign_in_too_old": (400, _sign_in_too_old),
    "wrong_issuer": (400, _wrong_issuer),
    "linked_elsewhere": (403, _linked_elsewhere),
    "link_interrupted": (400, _link_interrupted),
    "not_linked": (400, _not_linked),
    "last_way_in": (400, _last_way_in),
}
