"""Signing keys and ID tokens of an OpenID provider. No server runs."""

import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from local_cognito.accounts.identity_providers import identity_provider

ISSUER = "https://issuer.example"
NOW = 1_790_000_000
DETAILS = {"client_id": "us", "client_secret": "a secret of theirs and ours, 32 b", "oidc_issuer": ISSUER}
PROVIDER = identity_provider("Corporate", {"ProviderType": "OIDC", "ProviderDetails": DETAILS})
KEY = rsa.generate_private_key(65_537, 2048)
OTHER_KEY = rsa.generate_private_key(65_537, 2048)
CURVE_KEY = ec.generate_private_key(ec.SECP256R1())
GOOD = {"iss": ISSUER, "sub": "fay", "aud": "us", "exp": NOW + 300, "iat": NOW, "nonce": "the nonce"}


def jwk(key: Any, **more: str) -> dict[str, Any]:
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), **more}


KEYS = {"keys": [jwk(KEY, kid="one", use="sig", alg="RS256"), jwk(CURVE_KEY, kid="two", use="sig", alg="ES256")]}


def token(key: Any = KEY, kid: str | None = "one", algorithm: str = "RS256", **changes: Any) -> str:
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return jwt.encode(claims, key, algorithm, headers={"kid": kid} if kid else {})
