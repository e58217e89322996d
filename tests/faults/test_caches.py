"""FI-25: Django's cache, down or full of lies, has no say in who is who."""

from typing import Any

import pytest
from local_cognito_support.scripted_server import Answer

from tests.support.scenarios.user_pool import COOLDOWN, HARD
from tests.support.signing import private_key

from .entry_points import ACCEPTED, DOORS, REFUSED, UNAVAILABLE, Door, Signed, Site

SOME_DOORS = ("backend", "DRF", "plain view", "async view under ASGI", "login")
pytestmark = pytest.mark.urls("tests.support.entry_point_views")

# Signed with the key that the lying cache holds out as the pool's.
ATTACKER: Signed = {"header": {"kid": "attacker"}}


@pytest.fixture(params=["Down", "Garbage", "Bytes"])
def bad_cache(request: pytest.FixtureRequest, settings: Any) -> None:
    """A site whose cache is of no use."""
    settings.CACHES = {"default": {"BACKEND": f"tests.faults.bad_caches.{request.param}"}}


@pytest.mark.usefixtures("bad_cache")
@pytest.mark.parametrize("door", [DOORS[name] for name in SOME_DOORS], ids=SOME_DOORS)
def test_fi_25_a_bad_cache_changes_no_verdict(door: Door, site: Site) -> None:
    attacker = {**ATTACKER, "key": private_key("attacker")}
    assert [door(site, {}), door(site, attacker)] == [ACCEPTED, REFUSED]
    site.keys.script(Answer(404))
    site.clock.forward(COOLDOWN)
    assert [door(site, {}), door(site, attacker)] == [ACCEPTED, UNAVAILABLE]
    site.clock.forward(HARD)
    assert [door(site, {}), door(site, attacker)] == [UNAVAILABLE, UNAVAILABLE]
