"""PyJWT, with the key already found and the same claims checked."""

from collections.abc import Callable

import jwt

from ..tokens import Scene


def prepare(scene: Scene) -> Callable[[str], object]:
    """`decode`, after the key was looked up by `kid`, and Cognito's two claims by hand."""
    keys = {jwk["kid"]: jwt.PyJWK(jwk).key for jwk in scene.jwks["keys"]}

    def verify(raw: str) -> dict[str, object]:
        key = keys[jwt.get_unverified_header(raw)["kid"]]
        claims: dict[str, object] = jwt.decode(raw, key, algorithms=["RS256"], issuer=scene.issuer, leeway=10)
        if claims["token_use"] != "access" or claims["client_id"] != scene.client_id:
            raise jwt.InvalidTokenError
        return claims

    return verify


def prepare_fetching(scene: Scene, origin: str) -> Callable[[str], object]:
    """With PyJWKClient, as it comes."""
    client = jwt.PyJWKClient(f"{origin}/jwks.json")

    def verify(raw: str) -> object:
        key = client.get_signing_key_from_jwt(raw)
        return jwt.decode(raw, key, algorithms=["RS256"], issuer=scene.issuer)

    return verify
