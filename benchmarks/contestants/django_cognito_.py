"""django_cognito's TokenVerifier."""

from collections.abc import Callable

from django_cognito.core import TokenVerifier, UserPool

from ..tokens import Scenario


def prepare(scenario: Scenario) -> Callable[[str], object]:
    """Return `verify(raw)` with loaded keys."""
    pool = UserPool(scenario.user_pool_id, client_ids=(scenario.client_id,))
    verifier = TokenVerifier(pool)
    verifier.load_jwks(pool, scenario.jwks)
    return verifier.verify


def prepare_key_fetching(scenario: Scenario, origin: str) -> Callable[[str], object]:
    """Return `verify(raw)` that fetches the keys from `origin`."""
    pool = UserPool(scenario.user_pool_id, client_ids=(scenario.client_id,), jwks_uri=f"{origin}/jwks.json")
    return TokenVerifier(pool).verify
