"""Refused and unavailable are never confused: FI-01, 04, 07, 09 and 12 at every entry point."""

from typing import Any

import pytest
from local_cognito_support.scripted_server import Answer, json_answer

from django_cognito.testing import make_token
from django_cognito.testing.keys import jwks as pool_keys
from tests.support.bad_answers import KEYLESS
from tests.support.callers import bearer
from tests.support.scenarios.user_pool import COOLDOWN, HARD
from tests.support.signing import jwk, private_key

from .entry_points import ACCEPTED, ENTRY_POINTS, REFUSED, UNAVAILABLE, EntryPoint, Site, TokenArguments

pytestmark = pytest.mark.urls("tests.support.entry_point_views")
OTHER_KEYLESS = ("an empty object", "null")  # at one entry point; "no keys" at each
AT_EVERY_ENTRY_POINT = pytest.mark.parametrize("entry_point", ENTRY_POINTS.values(), ids=ENTRY_POINTS)

GENUINE: TokenArguments = {}
FORGED: TokenArguments = {"header": {"kid": "forged"}}
EXPIRED: TokenArguments = {"exp": 1_000_000_000}
HTTP_404 = Answer(404)


def signed_with_new_key() -> TokenArguments:
    """Return the arguments of a token that is signed with the pool's new key."""
    return {"header": {"kid": "new"}, "key": private_key("new")}


def both_keys() -> Answer:
    """Return the pool's response with the old and the new key."""
    return json_answer({"keys": [*pool_keys()["keys"], jwk("new")]})


@AT_EVERY_ENTRY_POINT
def test_fi_01_outage_without_cached_keys_is_unavailable_for_any_token(
    entry_point: EntryPoint, site: Site, settings: Any, unreachable: str
) -> None:
    settings.COGNITO = {**settings.COGNITO, "JWKS_URI": f"{unreachable}/jwks.json"}
    assert [entry_point(site, GENUINE), entry_point(site, FORGED)] == [UNAVAILABLE] * 2


@AT_EVERY_ENTRY_POINT
def test_fi_01_expired_token_is_refused_in_an_outage(
    entry_point: EntryPoint, site: Site, settings: Any, unreachable: str
) -> None:
    settings.COGNITO = {**settings.COGNITO, "JWKS_URI": f"{unreachable}/jwks.json"}
    assert entry_point(site, EXPIRED) == REFUSED


@AT_EVERY_ENTRY_POINT
def test_fi_04_keys_past_the_hard_age_are_unavailable_until_a_fetch(entry_point: EntryPoint, site: Site) -> None:
    assert entry_point(site, GENUINE) == ACCEPTED
    site.keys.script(HTTP_404)
    site.clock.forward(HARD)
    assert entry_point(site, GENUINE) == UNAVAILABLE
    site.keys.script(json_answer(pool_keys()))
    site.clock.forward(site.retry_after)
    assert entry_point(site, GENUINE) == ACCEPTED
    assert site.keys.count == 3


@AT_EVERY_ENTRY_POINT
def test_fi_07_unknown_kid_in_an_outage_is_unavailable(entry_point: EntryPoint, site: Site) -> None:
    assert entry_point(site, GENUINE) == ACCEPTED
    site.keys.script(Answer(500))
    site.clock.forward(COOLDOWN)
    assert [entry_point(site, FORGED), entry_point(site, FORGED), entry_point(site, GENUINE)] == [
        UNAVAILABLE,
        UNAVAILABLE,
        ACCEPTED,
    ]
    assert site.keys.count == 3  # one fetch, with its second try
    site.keys.script(json_answer(pool_keys()))
    site.clock.forward(site.retry_after)
    assert [entry_point(site, FORGED), entry_point(site, GENUINE)] == [REFUSED, ACCEPTED]


@AT_EVERY_ENTRY_POINT
def test_fi_09_new_key_is_refused_during_the_cooldown_then_accepted(entry_point: EntryPoint, site: Site) -> None:
    assert entry_point(site, GENUINE) == ACCEPTED
    site.keys.script(both_keys())
    assert [entry_point(site, signed_with_new_key()), entry_point(site, GENUINE)] == [REFUSED, ACCEPTED]
    site.clock.forward(COOLDOWN)
    assert [entry_point(site, signed_with_new_key()), entry_point(site, GENUINE)] == [ACCEPTED, ACCEPTED]
    assert site.keys.count == 2


@pytest.mark.parametrize(
    ("name", "document"), [*((name, "no keys") for name in ENTRY_POINTS), *(("DRF", name) for name in OTHER_KEYLESS)]
)
def test_fi_12_jwks_without_keys_is_a_failure_and_cached_keys_work(site: Site, name: str, document: str) -> None:
    entry_point = ENTRY_POINTS[name]
    assert entry_point(site, GENUINE) == ACCEPTED
    site.keys.script(json_answer(KEYLESS[document]))
    site.clock.forward(COOLDOWN)
    assert [entry_point(site, FORGED), entry_point(site, GENUINE)] == [UNAVAILABLE, ACCEPTED]


@pytest.mark.parametrize("url", ["/api/", "/who/"])
def test_fi_01_outage_response_names_no_pool_and_log_names_it(
    site: Site, client: Any, settings: Any, unreachable: str, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings.COGNITO = {**settings.COGNITO, "JWKS_URI": f"{unreachable}/jwks.json"}
    raw = make_token()
    body = client.get(url, headers=bearer(raw)).content.decode()
    assert "127.0.0.1" not in body
    assert settings.COGNITO["USER_POOL_ID"] not in body
    assert settings.COGNITO["USER_POOL_ID"] in caplog.text
    assert [part for part in raw.split(".") if part in caplog.text + body] == []
