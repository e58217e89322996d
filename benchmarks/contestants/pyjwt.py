"""PyJWT, with cached keys and the same claim checks."""

from collections.abc import Callable

import jwt

from ..tokens import Scenario


def prepare(scenario: Scenario) -> Callable[[str], object]:
    """Return a function that looks up the key, decodes the token and compares Cognito's two claims."""
    keys = {jwk["kid"]: jwt.PyJWK(jwk).key for jwk in scenario.jwks["keys"]}

    def verify(raw: str) -> dict[str, object]:
        key = keys[jwt.get_unverified_header(raw)["kid"]]
        claims: dict[str, object] = jwt.decode(raw, key, algorithms=["RS256"], issuer=scenario.issuer, leeway=10)
        if claims["token_use"] != "access" or claims["client_id"] != scenario.client_id:
            raise jwt.InvalidTokenError
        return claims

    return verify


def prepare_key_fetching(scenario: Scenario, origin: str) -> Callable[[str], object]:
    """Return a function that uses PyJWKClient with its defaults."""
    client = jwt.PyJWKClient(f"{origin}/jwks.json")

    def verify(raw: str) -> object:
        key = client.get_signing_key_from_jwt(raw)
        return jwt.decode(raw, key, algorithms=["RS256"], issuer=scenario.issuer)

    return verify
