"""What a token must say to be taken: issuer, use, client, times, person. Pure; knows no keys and no raw token.

The claims are those of a JSON object: any of them may be missing, and of any type.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from .errors import ClaimError, ClientError, ExpiredTokenError, ImmatureTokenError, IssuerError, TokenUseError
from .pool import UserPool
from .token import TokenUse

_END_OF_TIME = 253_402_300_800  # the year 10000, which datetime cannot express
_BEGINNINGS = ("iat", "nbf", "auth_time")
_ARRAYS = (list, tuple)
_CLIENT_CLAIM: Mapping[TokenUse, str] = {"access": "client_id", "id": "aud"}
_USERNAME_CLAIM: Mapping[TokenUse, str] = {"access": "username", "id": "cognito:username"}


class Expected(NamedTuple):
    """What is expected of a token's claims; `nonce` None expects nothing of it."""

    pool: UserPool
    token_uses: tuple[TokenUse, ...]
    client_ids: tuple[str, ...]
    leeway_seconds: float
    nonce: str | None = None


def verify_claims(claims: Mapping[str, Any], expected: Expected, now: float) -> tuple[float, float]:
    """From when and until when `claims` hold as `expected`, leeway aside; they do at the moment `now`.

    Claims that are not named here may be absent and of any type.

    Raises a ClaimError, the first that applies: issuer, token use, client, times, person, resource, nonce.

    Source: AWS developer guide, "Verifying JSON web tokens"; RFC 7519 4.1; RFC 8725 3.
    """
    if claims.get("iss") not in expected.pool.issuers:
        issuers = expected.pool.issuers
        raise IssuerError("not issued by this pool", claim="iss", actual=claims.get("iss"), expected=issuers)
    use = _verify_token_use(claims, expected.token_uses)
    _verify_client(claims, _CLIENT_CLAIM[use], expected.client_ids)
    span = _verify_times(claims, expected.leeway_seconds, now)
    is_machine = _verify_person(claims, use)
    if expected.pool.resource and use == "access":
        _verify_resource(claims, expected.pool.resource, is_machine)
    if expected.nonce is not None and claims.get("nonce") != expected.nonce:
        raise ClaimError("not the answer to this sign-in attempt", claim="nonce", code="nonce_mismatch")
    return span


def accepted_client(claims: Mapping[str, Any], client_ids: tuple[str, ...]) -> str:
    """The one of `client_ids` that `claims` name; empty where it is none of them."""
    named = [claims.get(name) for name in _CLIENT_CLAIM.values()]
    return next((client_id for client_id in client_ids if client_id in named), "")


def _verify_token_use(claims: Mapping[str, Any], expected: tuple[TokenUse, ...]) -> TokenUse:
    actual = claims.get("token_use")
    for use in expected:
        if actual == use:
            return use
    told = expected[0] if len(expected) == 1 else expected
    raise TokenUseError("another kind of token is due", claim="token_use", actual=actual, expected=told)


def _verify_client(claims: Mapping[str, Any], name: str, accepted: tuple[str, ...]) -> None:
    if _text(claims, name) not in accepted:
        raise ClientError("issued to a client not accepted here", claim=name, actual=claims[name], expected=accepted)


def _verify_times(claims: Mapping[str, Any], leeway_seconds: float, now: float) -> tuple[float, float]:
    expires_at = _seconds(claims, "exp")
    starts = [_seconds(claims, name) for name in _BEGINNINGS if name == "iat" or name in claims]
    # RFC 7519 4.1.4: "on or after", so a token is over at the very second.
    if now - leeway_seconds >= expires_at:
        raise ExpiredTokenError("the token is over", claim="exp", actual=expires_at, expected=now)
    starts_at = max(starts)
    if starts_at > now + leeway_seconds:
        name = next(name for name in _BEGINNINGS if claims.get(name) == starts_at)
        raise ImmatureTokenError("the token is not valid yet", claim=name, actual=starts_at, expected=now)
    return starts_at, expires_at


def _verify_person(claims: Mapping[str, Any], use: TokenUse) -> bool:
    """Whether the token is a machine's, which is its own app client; else it is a person's, with a username."""
    subject = _text(claims, "sub")
    is_machine = use == "access" and "username" not in claims and subject == claims["client_id"]
    if not is_machine:
        _text(claims, _USERNAME_CLAIM[use])
    groups = claims.get("cognito:groups", ())
    if not isinstance(groups, _ARRAYS) or not all(map(_is_text, groups)):
        raise ClaimError("not a list of names", claim="cognito:groups", actual=groups)
    if not isinstance(claims.get("scope", ""), str):
        raise ClaimError("not a string", claim="scope", actual=claims["scope"])
    return is_machine


def _verify_resource(claims: Mapping[str, Any], resource: str, is_machine: bool) -> None:
    """RFC 8707: a person's token must be bound to this API. Cognito binds no machine's; one that says so must be."""
    if is_machine and "aud" not in claims:
        return
    if claims.get("aud") != resource:
        raise ClaimError(
            "bound to another API, or to none", claim="aud", actual=claims.get("aud"), expected=resource,
            code="wrong_resource",
        )  # fmt: skip


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not _is_text(value):
        raise ClaimError("missing, or no text", claim=name, actual=value)
    return value  # type: ignore[no-any-return]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value  # PostgreSQL stores no NUL


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    """A moment in whole seconds (RFC 7519 NumericDate, as Cognito writes it) that datetime can express."""
    value = claims.get(name)
    if type(value) is int and 0 < value < _END_OF_TIME:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ClaimError("missing, or not a number", claim=name, actual=value)
    if not 0 < value < _END_OF_TIME or value != int(value):
        raise ClaimError("not a moment in whole seconds", claim=name, actual=value)
    return value
