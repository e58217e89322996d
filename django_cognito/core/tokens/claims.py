"""What a token must say to be taken: issuer, use, client, times, person. Pure; knows no keys and no raw token.

The claims are those of a JSON object: any of them may be missing, and of any type.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..errors import ClaimError, ClientError, ExpiredTokenError, ImmatureTokenError, IssuerError, TokenUseError
from ..user_pool import UserPool
from .token import TokenUse

_END_OF_TIME = 253_402_300_800  # the year 10000, which datetime cannot express
_MAX_NAME_CHARS = 255  # twice what Cognito allows for a username
_CLIENT_CLAIM: Mapping[TokenUse, str] = {"access": "client_id", "id": "aud"}
_USERNAME_CLAIM: Mapping[TokenUse, str] = {"access": "username", "id": "cognito:username"}
_BEGINNINGS = ("iat", "nbf", "auth_time")
_NO_GROUPS: list[str] = []


class ClientIds(tuple[str, ...]):
    """App client ids in the given order; `in` takes the same time for one and for thousands."""

    def __init__(self, client_ids: Iterable[str]) -> None:
        self._set = frozenset(self)

    def __contains__(self, client_id: object) -> bool:
        return isinstance(client_id, str) and client_id in self._set


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
    pool, token_uses, client_ids, leeway_seconds, nonce = expected
    if claims.get("iss") not in pool.issuers:
        raise IssuerError("not issued by this pool", claim="iss", actual=claims.get("iss"), expected=pool.issuers)
    use = claims.get("token_use")
    if use not in token_uses:
        raise _wrong_use(use, token_uses)
    if claims.get(_CLIENT_CLAIM[use]) not in client_ids:
        raise _wrong_client(claims, _CLIENT_CLAIM[use], client_ids)
    starts_at, ends_at = _span(claims)
    # RFC 7519 4.1.4: "on or after", so a token is over at the very second.
    if now - leeway_seconds >= ends_at:
        raise ExpiredTokenError("the token is over", claim="exp", actual=ends_at, expected=now)
    if starts_at > now + leeway_seconds:
        name = next(name for name in _BEGINNINGS if claims.get(name) == starts_at)
        raise ImmatureTokenError("the token is not valid yet", claim=name, actual=starts_at, expected=now)
    is_machine = _verify_person(claims, use)
    if pool.resource and use == "access":
        _verify_resource(claims, pool.resource, is_machine)
    if nonce is not None and claims.get("nonce") != nonce:
        raise ClaimError("not the answer to this sign-in attempt", claim="nonce", code="nonce_mismatch")
    return starts_at, ends_at


def accepted_client(claims: Mapping[str, Any], client_ids: tuple[str, ...]) -> str:
    """Return the one of `client_ids` that `claims` name; an empty string if they name none of them."""
    return next((claims[name] for name in _CLIENT_CLAIM.values() if claims.get(name) in client_ids), "")


def _wrong_use(actual: Any, expected: tuple[TokenUse, ...]) -> TokenUseError:
    told = expected[0] if len(expected) == 1 else expected
    return TokenUseError("another kind of token is due", claim="token_use", actual=actual, expected=told)


def _wrong_client(claims: Mapping[str, Any], name: str, accepted: tuple[str, ...]) -> ClaimError:
    actual = claims.get(name)
    if not _is_name(actual):
        return _no_name(claims, name)
    return ClientError("issued to a client not accepted here", claim=name, actual=actual, expected=accepted)


def _span(claims: Mapping[str, Any]) -> tuple[float, float]:
    """The latest moment that the token names as a beginning, and its end."""
    issued_at, ends_at = claims.get("iat"), claims.get("exp")
    begins_at, auth_time = claims.get("nbf", issued_at), claims.get("auth_time", issued_at)
    if (
        type(ends_at) is type(issued_at) is type(begins_at) is type(auth_time) is int
        and 0 < ends_at < _END_OF_TIME
        and 0 < issued_at < _END_OF_TIME
        and 0 < begins_at < _END_OF_TIME
        and 0 < auth_time < _END_OF_TIME
    ):
        return max(issued_at, begins_at, auth_time), ends_at
    # Not as Cognito writes them: there are moments among these too.
    end = _seconds(claims, "exp")
    return max(_seconds(claims, name) for name in _BEGINNINGS if name == "iat" or name in claims), end


def _verify_person(claims: Mapping[str, Any], use: TokenUse) -> bool:
    """Whether the token is a machine's, which is its own app client; else it is a person's, with a username."""
    subject, username, groups = (
        claims.get("sub"),
        claims.get(_USERNAME_CLAIM[use]),
        claims.get("cognito:groups", _NO_GROUPS),
    )
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_NAME_CHARS or "\0" in subject:
        raise _no_name(claims, "sub")
    is_machine = use == "access" and subject == claims["client_id"] and "username" not in claims
    if not is_machine and (
        not isinstance(username, str) or not 0 < len(username) <= _MAX_NAME_CHARS or "\0" in username
    ):
        raise _no_name(claims, _USERNAME_CLAIM[use])
    if not isinstance(groups, list) or not all(map(_is_text, groups)):
        raise ClaimError("not a list of names", claim="cognito:groups", actual=groups)
    if not isinstance(claims.get("scope", ""), str):
        raise ClaimError("not a string", claim="scope", actual=claims["scope"])
    if not isinstance(claims.get("jti", ""), str):
        raise ClaimError("not a string", claim="jti", actual=claims["jti"])
    return is_machine


def _verify_resource(claims: Mapping[str, Any], resource: str, is_machine: bool) -> None:
    """RFC 8707: a person's token must be bound to this API. Cognito binds no machine's; one that says so must be."""
    if is_machine and "aud" not in claims:
        return
    actual = claims.get("aud")
    if actual != resource:
        raise ClaimError(
            "bound to another API, or to none", claim="aud", actual=actual, expected=resource, code="wrong_resource"
        )


def _no_name(claims: Mapping[str, Any], name: str) -> ClaimError:
    return ClaimError("missing, or no text of reasonable length", claim=name, actual=claims.get(name))


def _is_name(value: object) -> bool:
    return _is_text(value) and len(str(value)) <= _MAX_NAME_CHARS


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value  # PostgreSQL stores no NUL


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    """A moment in whole seconds (RFC 7519 NumericDate, as Cognito writes it) that datetime can express."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ClaimError("missing, or not a number", claim=name, actual=value)
    if not 0 < value < _END_OF_TIME or value != int(value):
        raise ClaimError("not a moment in whole seconds", claim=name, actual=value)
    return value
