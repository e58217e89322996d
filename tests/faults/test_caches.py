"""FI-25: Django's cache, down or with wrong values, has no effect on authentication."""

from typing import Any

import pytest
from local_cognito_support.scripted_server import Answer

from tests.support.scenarios.user_pool import COOLDOWN, HARD
from tests.support.signing import private_key

from .entry_points import ACCEPTED, ENTRY_POINTS, REFUSED, UNAVAILABLE, Site, TokenArguments

pytestmark = pytest.mark.urls("tests.support.entry_point_views")

# Signed with the key that the `Garbage` cache returns as the pool's.
ATTACKER: TokenArguments = {"header": {"kid": "attacker"}}


# Each cache at the lowest and the highest entry point, and one cache at each of the others.
ATTEMPTS = [
    *((cache, name) for cache in ("Down", "Garbage", "Bytes") for name in ("backend", "login")),
    *(("Garbage", name) for name in ("DRF", "plain view", "async view under ASGI")),
]


@pytest.mark.parametrize(("cache", "name"), ATTEMPTS)
def test_fi_25_faulty_cache_changes_no_result(settings: Any, site: Site, cache: str, name: str) -> None:
    settings.CACHES = {"default": {"BACKEND": f"tests.faults.bad_caches.{cache}"}}
    entry_point = ENTRY_POINTS[name]
    attacker = {**ATTACKER, "key": private_key("attacker")}
    assert [entry_point(site, {}), entry_point(site, attacker)] == [ACCEPTED, REFUSED]
    site.keys.script(Answer(404))
    site.clock.forward(COOLDOWN)
    assert [entry_point(site, {}), entry_point(site, attacker)] == [ACCEPTED, UNAVAILABLE]
    site.clock.forward(HARD)
    assert [entry_point(site, {}), entry_point(site, attacker)] == [UNAVAILABLE, UNAVAILABLE]
