"""django_cognito, as it is installed."""

from collections.abc import Callable

from django_cognito.core import TokenVerifier, UserPool

from ..tokens import Scene


def prepare(scene: Scene) -> Callable[[str], object]:
    """`verify(raw)` with pinned keys."""
    pool = UserPool(scene.user_pool_id, client_ids=(scene.client_id,))
    verifier = TokenVerifier(pool)
    verifier.load_jwks(pool, scene.jwks)
    return verifier.verify


def prepare_fetching(scene: Scene, origin: str) -> Callable[[str], object]:
    """`verify(raw)` that fetches its keys."""
    pool = UserPool(scene.user_pool_id, client_ids=(scene.client_id,), jwks_uri=f"{origin}/jwks.json")
    return TokenVerifier(pool).verify
