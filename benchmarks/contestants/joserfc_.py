"""joserfc, with an imported key set and a claims registry."""

from collections.abc import Callable

from joserfc import jwt
from joserfc.jwk import KeySet

from ..tokens import Scenario


def prepare(scenario: Scenario) -> Callable[[str], object]:
    """Return a function that calls `decode` and `validate`."""
    keys = KeySet.import_key_set(scenario.jwks)
    registry = jwt.JWTClaimsRegistry(
        leeway=10,
        iss={"essential": True, "value": scenario.issuer},
        token_use={"essential": True, "value": "access"},
        client_id={"essential": True, "value": scenario.client_id},
        exp={"essential": True},
    )

    def verify(raw: str) -> object:
        token = jwt.decode(raw, keys, algorithms=["RS256"])
        registry.validate(token.claims)
        return token

    return verify
