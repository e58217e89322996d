"""Token vectors: JSON files with one axis each, built into signed tokens. Must not depend on a verdict of the verifier.

A value in a vector may be a marker: `{"now": -60}` is a time relative to NOW, `{"repeat": "x", "times": 257}` a long
string (perhaps after the string `before`), and `{"public_key": "two"}` a JWK.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from .signing import jwk, sign

DIRECTORY = Path(__file__).parents[1] / "core" / "tokens" / "vectors"
AXES = ("encoding", "header", "claims", "times")
NOW = 1_800_000_000
USER_POOL_ID = "eu-west-1_AbCdEfGhI"
CLIENT_IDS = ("1webclient", "2appclient")
_HEADER = {"kid": "one", "alg": "RS256"}
# Claims as in the AWS developer guide, "Understanding user pool JSON web tokens".
_COMMON = {
    "sub": "a1b2c3d4-5678-90ab-cdef-1234567890ab",
    "iss": f"https://cognito-idp.eu-west-1.amazonaws.com/{USER_POOL_ID}",
    "auth_time": NOW - 100,
    "iat": NOW - 50,
    "exp": NOW + 3_550,
    "jti": "j",
    "origin_jti": "o",
    "event_id": "e",
}
_ACCESS = {
    **_COMMON,
    "token_use": "access",
    "client_id": "1webclient",
    "username": "my-test-user",
    "scope": "openid orders/read",
    "cognito:groups": ["testers", "editors"],
}
_ID = {
    **_COMMON,
    "token_use": "id",
    "aud": "1webclient",
    "cognito:username": "my-test-user",
    "nonce": "sent",
    "email": "my-test-user@example.com",
    "email_verified": True,
}
_CLIENT = {
    **{name: value for name, value in _COMMON.items() if name not in ("auth_time", "origin_jti", "event_id")},
    "sub": "1webclient",
    "token_use": "access",
    "client_id": "1webclient",
    "scope": "api/read api/write",
}
_TOKENS: dict[str, dict[str, Any]] = {"access": _ACCESS, "id": _ID, "client": _CLIENT}


@dataclass(frozen=True, slots=True)
class Rejection:
    """The error that rejects a vector."""

    error: str  # the name of its class
    code: str
    claim: str | None = None  # of a ClaimError


@dataclass(frozen=True, slots=True)
class Vector:
    """A token and what the verifier decides."""

    id: str
    source: str
    defends: str = ""  # an attack of docs/login-defences.md
    rejection: Rejection | None = None  # None: the token is accepted
    token: str = "access"
    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    remove_header: tuple[str, ...] = ()
    remove_claims: tuple[str, ...] = ()
    number_texts: dict[str, Any] = field(default_factory=dict)  # claims whose numbers have an exact text
    header_text: str | None = None  # replaces the JSON of the header
    claims_text: str | None = None
    raw: str = "{header}.{claims}.{signature}"
    key: str = "one"  # signs the token; the JWKS contains "one"
    resource: str = ""  # of the user pool
    other_pool: bool = False  # whether the verifier has a second user pool
    verifier: dict[str, Any] = field(default_factory=dict)  # options of `TokenVerifier`
    call: dict[str, Any] = field(default_factory=dict)  # arguments of `TokenVerifier.verify`

    def build_header(self) -> Any:
        """Return the header, or the bytes of its text."""
        if self.header_text is not None:
            return self.header_text.encode()
        return _change(_HEADER, self.header, self.remove_header)

    def build_claims(self) -> Any:
        """Return the claims, or the bytes of their text."""
        if self.claims_text is not None:
            return self.claims_text.encode()
        claims = _change(_TOKENS[self.token], self.claims, self.remove_claims)
        if not self.number_texts:
            return claims
        text = json.dumps(claims | {name: f"<{name}>" for name in self.number_texts})
        for name, number in self.number_texts.items():
            text = text.replace(f'"<{name}>"', _resolve(number))
        return text.encode()

    def build_raw(self) -> str:
        """Return the token. Its signature is valid unless `raw` changes the signed token."""
        signed = sign(self.build_claims(), header=self.build_header(), key=self.key)
        raw = self.raw
        for name, part in zip(("header", "claims", "signature"), signed.split("."), strict=True):
            raw = raw.replace(f"{{{name}}}", part)
        return raw


@cache
def read_vectors(axis: str) -> tuple[Vector, ...]:
    """Return the vectors of one of AXES."""
    return tuple(map(_to_vector, json.loads((DIRECTORY / f"{axis}.json").read_text(encoding="utf-8"))))


def _to_vector(entry: dict[str, Any]) -> Vector:
    members = dict(entry)
    expected = members.pop("expected")
    rejection = None if expected == "accepted" else Rejection(**expected)
    return Vector(rejection=rejection, **members)


def _change(base: dict[str, Any], changes: dict[str, Any], removed: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in {**base, **_resolve(changes)}.items() if name not in removed}


def _resolve(value: Any) -> Any:
    """Return `value` with each marker replaced."""
    if isinstance(value, list):
        return [_resolve(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"now"}:
        return NOW + value["now"]
    if value.keys() == {"public_key"}:
        return jwk(value["public_key"])
    if "repeat" in value:
        return value.get("before", "") + value["repeat"] * value["times"]
    return {name: _resolve(item) for name, item in value.items()}
