"""How well somebody is known: `acr_values` at authorize, `acr` and `amr` in the tokens."""

from collections.abc import Iterator
from typing import Any

import pytest
from local_cognito.accounts.assurance import level_names, required_level
from local_cognito_support.hosted_site import Browser, Site, query_of, read_unverified, running_site

LOA = "urn:cognito:loa:"


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    with Browser(site) as browser:
        yield browser


def sign_in_with_app(browser: Browser, **changes: str) -> dict[str, str]:
    """What the app is told once dave has signed in with password and authenticator app."""
    browser.authorize(**changes)
    browser.sign_in("dave")
    return query_of(browser.submit(code=browser.site.totp_code()).headers["Location"])


def claims(browser: Browser, answer: dict[str, str]) -> list[tuple[Any, Any]]:
    tokens = browser.site.redeem(answer["code"]).json()
    found = [read_unverified(tokens[name]) for name in ("id_token", "access_token")]
    refreshed = browser.site.post(
        "/oauth2/token",
        grant_type="refresh_token",
        client_id=browser.site.public.id,
        refresh_token=tokens["refresh_token"],
    ).json()
    found.append(read_unverified(refreshed["id_token"]))
    return [(each.get("acr"), each.get("amr")) for each in found]


def test_a_password_reaches_the_first_level(browser: Browser) -> None:
    browser.authorize(acr_values=f"{LOA}1")
    answer = query_of(browser.sign_in().headers["Location"])
    assert claims(browser, answer) == [(f"{LOA}1", ["pwd"])] * 3


def test_an_authenticator_app_reaches_the_fourth(browser: Browser) -> None:
    answer = sign_in_with_app(browser, acr_values=f"{LOA}4 {LOA}1")
    assert claims(browser, answer) == [(f"{LOA}4", ["pwd", "otp", "mfa"])] * 3


def test_tokens_say_nothing_where_nothing_was_asked(browser: Browser) -> None:
    assert claims(browser, sign_in_with_app(browser)) == [(None, None)] * 3


def test_whoever_cannot_reach_the_level_is_denied(browser: Browser) -> None:
    browser.authorize(acr_values=f"{LOA}4 {LOA}3")
    answer = query_of(browser.sign_in().headers["Location"])
    assert (answer["error"], answer["state"]) == ("access_denied", "a state")
    assert "code" not in answer
    assert "code" in query_of(browser.authorize().headers["Location"])  # signed in, as far as that goes


def test_a_session_of_too_low_a_level_does_not_do(browser: Browser) -> None:
    browser.authorize()
    browser.sign_in()
    assert "Location" not in browser.authorize(acr_values=f"{LOA}4").headers
    answer = browser.authorize(acr_values=f"{LOA}4", prompt="none")
    assert query_of(answer.headers["Location"])["error"] == "login_required"


def test_a_session_of_the_level_does(browser: Browser) -> None:
    sign_in_with_app(browser)
    answer = query_of(browser.authorize(acr_values=f"{LOA}4").headers["Location"])
    assert claims(browser, answer)[0] == (f"{LOA}4", ["pwd", "otp", "mfa"])


def test_values_that_nobody_knows_are_passed_over(browser: Browser) -> None:
    browser.authorize(acr_values="urn:mace:incommon:iap:silver")
    answer = query_of(browser.sign_in().headers["Location"])
    assert claims(browser, answer)[0] == (f"{LOA}1", ["pwd"])


def test_the_tier_lite_passes_them_over(browser: Browser) -> None:
    browser.site.service.pools.get(browser.site.public.pool_id).extended_config["UserPoolTier"] = "LITE"
    browser.authorize(acr_values=f"{LOA}4")
    answer = query_of(browser.sign_in().headers["Location"])
    assert claims(browser, answer) == [(None, None)] * 3


def test_a_pool_may_have_names_of_its_own() -> None:
    config = {"AcrConfiguration": {"Level4": {"AcrValue": "gold"}, "Level1": {}}}
    assert level_names(config) == {1: f"{LOA}1", 2: f"{LOA}2", 3: f"{LOA}3", 4: "gold"}
    assert required_level(config, ["gold"]) == 4
    assert required_level(config, [f"{LOA}4"]) == 0
    assert required_level(config, ["gold", f"{LOA}2"]) == 2


def test_a_language_changes_nothing(browser: Browser) -> None:
    assert "Sign in" in browser.authorize(lang="de").text
