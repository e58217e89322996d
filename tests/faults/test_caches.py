"""FI-25: Django's cache, down or with wrong values, has no effect on authentication."""

from typing import Any

import pytest
from local_cognito_support.scripted_server import Answer

from tests.support.scenarios.user_pool import COOLDOWN, HARD
from tests.support.signing import private_key

from .entry_points import ACCEPTED, ENTRY_POINTS, REFUSED, UNAVAILABLE, EntryPoint, Site, TokenArguments

SOME_ENTRY_POINTS = ("backend", "DRF", "plain view", "async view under ASGI", "login")
pytestmark = pytest.mark.urls("tests.support.entry_point_views")

# Signed with the key that the `Garbage` cache returns as the pool's.
ATTACKER: TokenArguments = {"header": {"kid": "attacker"}}


@pytest.fixture(params=["Down", "Garbage", "Bytes"])
def bad_cache(request: pytest.FixtureRequest, settings: Any) -> None:
    """Configure the site with a faulty cache."""
    settings.CACHES = {"default": {"BACKEND": f"tests.faults.bad_caches.{request.param}"}}


@pytest.mark.usefixtures("bad_cache")
@pytest.mark.parametrize("entry_point", [ENTRY_POINTS[name] for name in SOME_ENTRY_POINTS], ids=SOME_ENTRY_POINTS)
def test_fi_25_faulty_cache_changes_no_result(entry_point: EntryPoint, site: Site) -> None:
    attacker = {**ATTACKER, "key": private_key("attacker")}
    assert [entry_point(site, {}), entry_point(site, attacker)] == [ACCEPTED, REFUSED]
    site.keys.script(Answer(404))
    site.clock.forward(COOLDOWN)
    assert [entry_point(site, {}), entry_point(site, attacker)] == [ACCEPTED, UNAVAILABLE]
    site.clock.forward(HARD)
    assert [entry_point(site, {}), entry_point(site, attacker)] == [UNAVAILABLE, UNAVAILABLE]
