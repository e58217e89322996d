"""Refused and unavailable never swap places: FI-01, 04, 07, 09 and 12 at every door."""

from typing import Any

import pytest
from local_cognito_support.scripted_server import Answer, json_answer

from django_cognito.testing import make_token
from django_cognito.testing.keys import jwks as pool_keys
from tests.support.bad_answers import KEYLESS
from tests.support.callers import bearer
from tests.support.scenarios.user_pool import COOLDOWN, HARD
from tests.support.signing import jwk, private_key

from .entry_points import ACCEPTED, DOORS, REFUSED, UNAVAILABLE, Door, Signed, Site

pytestmark = pytest.mark.urls("tests.support.entry_point_views")
SOME_KEYLESS = ("no keys", "an empty object", "null")
AT_EVERY_DOOR = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)

GENUINE: Signed = {}
FORGED: Signed = {"header": {"kid": "forged"}}
OVER: Signed = {"exp": 1_000_000_000}
GONE = Answer(404)


def new() -> Signed:
    """A token of the key that the pool signs with from now on."""
    return {"header": {"kid": "new"}, "key": private_key("new")}


def both() -> Answer:
    """The pool's answer once it has the new key too."""
    return json_answer({"keys": [*pool_keys()["keys"], jwk("new")]})


@AT_EVERY_DOOR
def test_fi_01_cold_and_down_is_unavailable_for_the_genuine_and_the_forged(
    door: Door, site: Site, settings: Any, unreachable: str
) -> None:
    settings.COGNITO = {**settings.COGNITO, "JWKS_URI": f"{unreachable}/jwks.json"}
    assert [door(site, GENUINE), door(site, FORGED)] == [UNAVAILABLE] * 2


@AT_EVERY_DOOR
def test_fi_01_cold_and_down_what_is_refused_anyway_is_refused(
    door: Door, site: Site, settings: Any, unreachable: str
) -> None:
    settings.COGNITO = {**settings.COGNITO, "JWKS_URI": f"{unreachable}/jwks.json"}
    assert door(site, OVER) == REFUSED


@AT_EVERY_DOOR
def test_fi_04_past_the_hard_age_it_is_unavailable_until_the_first_good_fetch(door: Door, site: Site) -> None:
    assert door(site, GENUINE) == ACCEPTED
    site.keys.script(GONE)
    site.clock.forward(HARD)
    assert door(site, GENUINE) == UNAVAILABLE
    site.keys.script(json_answer(pool_keys()))
    site.clock.forward(site.retry_after)
    assert door(site, GENUINE) == ACCEPTED
    assert site.keys.count == 3


@AT_EVERY_DOOR
def test_fi_07_the_forged_are_unavailable_in_an_outage_and_the_genuine_come_in(door: Door, site: Site) -> None:
    assert door(site, GENUINE) == ACCEPTED
    site.keys.script(Answer(500))
    site.clock.forward(COOLDOWN)
    assert [door(site, FORGED), door(site, FORGED), door(site, GENUINE)] == [UNAVAILABLE, UNAVAILABLE, ACCEPTED]
    assert site.keys.count == 3  # one fetch, with its second try
    site.keys.script(json_answer(pool_keys()))
    site.clock.forward(site.retry_after)
    assert [door(site, FORGED), door(site, GENUINE)] == [REFUSED, ACCEPTED]


@AT_EVERY_DOOR
def test_fi_09_a_new_key_is_refused_for_the_cooldown_and_then_comes_in(door: Door, site: Site) -> None:
    assert door(site, GENUINE) == ACCEPTED
    site.keys.script(both())
    assert [door(site, new()), door(site, GENUINE)] == [REFUSED, ACCEPTED]
    site.clock.forward(COOLDOWN)
    assert [door(site, new()), door(site, GENUINE)] == [ACCEPTED, ACCEPTED]
    assert site.keys.count == 2


@AT_EVERY_DOOR
@pytest.mark.parametrize("document", [KEYLESS[name] for name in SOME_KEYLESS], ids=SOME_KEYLESS)
def test_fi_12_a_set_without_keys_is_a_failure_and_the_genuine_come_in(door: Door, site: Site, document: Any) -> None:
    assert door(site, GENUINE) == ACCEPTED
    site.keys.script(json_answer(document))
    site.clock.forward(COOLDOWN)
    assert [door(site, FORGED), door(site, GENUINE)] == [UNAVAILABLE, ACCEPTED]


@pytest.mark.parametrize("url", ["/api/", "/who/"])
def test_fi_01_nobody_is_told_where_the_keys_are_but_whoever_runs_the_site(
    site: Site, client: Any, settings: Any, unreachable: str, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings.COGNITO = {**settings.COGNITO, "JWKS_URI": f"{unreachable}/jwks.json"}
    raw = make_token()
    body = client.get(url, headers=bearer(raw)).content.decode()
    assert "127.0.0.1" not in body
    assert settings.COGNITO["USER_POOL_ID"] not in body
    assert settings.COGNITO["USER_POOL_ID"] in caplog.text
    assert [part for part in raw.split(".") if part in caplog.text + body] == []
