"""Assurance levels: `acr_values` in the authorization request, `acr` and `amr` in the tokens."""

from collections.abc import Iterator
from typing import Any

import pytest
from local_cognito.accounts.assurance import level_names, required_level
from local_cognito_support.hosted_site import Browser, Site, read_query, read_unverified, running_site

LOA = "urn:cognito:loa:"


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    with Browser(site) as browser:
        yield browser


def sign_in_with_totp(browser: Browser, **changes: str) -> dict[str, str]:
    """Sign dave in with password and authenticator app and return the callback's query parameters."""
    browser.authorize(**changes)
    browser.sign_in("dave")
    return read_query(browser.submit(code=browser.site.totp_code()).headers["Location"])


def read_acr_and_amr(browser: Browser, callback: dict[str, str]) -> list[tuple[Any, Any]]:
    """Redeem the code and return `acr` and `amr` of the ID, access and refreshed ID token."""
    tokens = browser.site.redeem(callback["code"]).json()
    token_claims = [read_unverified(tokens[name]) for name in ("id_token", "access_token")]
    refreshed = browser.site.post(
        "/oauth2/token",
        grant_type="refresh_token",
        client_id=browser.site.public.id,
        refresh_token=tokens["refresh_token"],
    ).json()
    token_claims.append(read_unverified(refreshed["id_token"]))
    return [(claims.get("acr"), claims.get("amr")) for claims in token_claims]


def test_password_sign_in_has_level_1(browser: Browser) -> None:
    browser.authorize(acr_values=f"{LOA}1")
    answer = read_query(browser.sign_in().headers["Location"])
    assert read_acr_and_amr(browser, answer) == [(f"{LOA}1", ["pwd"])] * 3


def test_totp_sign_in_has_level_4(browser: Browser) -> None:
    answer = sign_in_with_totp(browser, acr_values=f"{LOA}4 {LOA}1")
    assert read_acr_and_amr(browser, answer) == [(f"{LOA}4", ["pwd", "otp", "mfa"])] * 3


def test_tokens_without_acr_values_have_no_acr_and_amr(browser: Browser) -> None:
    assert read_acr_and_amr(browser, sign_in_with_totp(browser)) == [(None, None)] * 3


def test_unreachable_assurance_level_is_access_denied(browser: Browser) -> None:
    browser.authorize(acr_values=f"{LOA}4 {LOA}3")
    answer = read_query(browser.sign_in().headers["Location"])
    assert (answer["error"], answer["state"]) == ("access_denied", "a state")
    assert "code" not in answer
    assert "code" in read_query(browser.authorize().headers["Location"])  # signed in, at level 1


def test_session_of_a_lower_level_must_sign_in_again(browser: Browser) -> None:
    browser.authorize()
    browser.sign_in()
    assert "Location" not in browser.authorize(acr_values=f"{LOA}4").headers
    answer = browser.authorize(acr_values=f"{LOA}4", prompt="none")
    assert read_query(answer.headers["Location"])["error"] == "login_required"


def test_session_of_the_required_level_is_accepted(browser: Browser) -> None:
    sign_in_with_totp(browser)
    answer = read_query(browser.authorize(acr_values=f"{LOA}4").headers["Location"])
    assert read_acr_and_amr(browser, answer)[0] == (f"{LOA}4", ["pwd", "otp", "mfa"])


def test_unknown_acr_values_are_ignored(browser: Browser) -> None:
    browser.authorize(acr_values="urn:mace:incommon:iap:silver")
    answer = read_query(browser.sign_in().headers["Location"])
    assert read_acr_and_amr(browser, answer)[0] == (f"{LOA}1", ["pwd"])


def test_tier_lite_ignores_acr_values(browser: Browser) -> None:
    browser.site.service.pools.get(browser.site.public.pool_id).extended_config["UserPoolTier"] = "LITE"
    browser.authorize(acr_values=f"{LOA}4")
    answer = read_query(browser.sign_in().headers["Location"])
    assert read_acr_and_amr(browser, answer) == [(None, None)] * 3


def test_pool_may_configure_acr_values() -> None:
    config = {"AcrConfiguration": {"Level4": {"AcrValue": "gold"}, "Level1": {}}}
    assert level_names(config) == {1: f"{LOA}1", 2: f"{LOA}2", 3: f"{LOA}3", 4: "gold"}
    assert required_level(config, ["gold"]) == 4
    assert required_level(config, [f"{LOA}4"]) == 0
    assert required_level(config, ["gold", f"{LOA}2"]) == 2


def test_lang_parameter_is_ignored(browser: Browser) -> None:
    assert "Sign in" in browser.authorize(lang="de").text
