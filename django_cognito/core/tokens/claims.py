"""Verify the claims of a token: issuer, token use, client, times, user. Pure; must not depend on keys or the raw token.

The claims are the members of a JSON object: each may be missing, and of any type.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..errors import ClaimError, ClientError, ExpiredTokenError, ImmatureTokenError, IssuerError, TokenUseError
from ..user_pool import UserPool
from .token import TokenUse

_MAX_SECONDS = 253_402_300_800  # the year 10000, which datetime cannot represent
_MAX_NAME_CHARS = 255  # twice what Cognito allows for a username
_CLIENT_CLAIM: Mapping[TokenUse, str] = {"access": "client_id", "id": "aud"}
_USERNAME_CLAIM: Mapping[TokenUse, str] = {"access": "username", "id": "cognito:username"}
_START_CLAIMS = ("iat", "nbf", "auth_time")
_NO_GROUPS: list[str] = []


class ClientIds(tuple[str, ...]):
    """App client ids in the order of the setting; `in` takes constant time."""

    def __init__(self, client_ids: Iterable[str]) -> None:
        self._set = frozenset(self)

    def __contains__(self, client_id: object) -> bool:
        return isinstance(client_id, str) and client_id in self._set


class Expected(NamedTuple):
    """The expected claims of a token; `nonce` None: not verified."""

    pool: UserPool
    token_uses: tuple[TokenUse, ...]
    client_ids: tuple[str, ...]
    leeway_seconds: float
    nonce: str | None = None


def verify_claims(claims: Mapping[str, Any], expected: Expected, now: float) -> tuple[float, float]:
    """Verify `claims` at the time `now`; return from when and until when they are valid, without the leeway.

    Times are in seconds since 1970. Claims that are not verified may be absent and of any type.

    Raises a ClaimError, the first that applies: issuer, token use, client, times, user, resource, nonce.

    Source: AWS developer guide, "Verifying JSON web tokens"; RFC 7519 4.1; RFC 8725 3.
    """
    pool, token_uses, client_ids, leeway_seconds, nonce = expected
    if claims.get("iss") not in pool.issuers:
        raise IssuerError("not issued by this pool", claim="iss", actual=claims.get("iss"), expected=pool.issuers)
    use = claims.get("token_use")
    if use not in token_uses:
        due = token_uses[0] if len(token_uses) == 1 else token_uses
        raise TokenUseError("wrong token type", claim="token_use", actual=use, expected=due)
    client_id = claims.get(_CLIENT_CLAIM[use])
    if client_id not in client_ids:
        if not _is_text(client_id) or len(str(client_id)) > _MAX_NAME_CHARS:
            raise _name_error(claims, _CLIENT_CLAIM[use])
        message = "issued to an app client that is not accepted"
        raise ClientError(message, claim=_CLIENT_CLAIM[use], actual=client_id, expected=client_ids)
    starts_at, ends_at = _read_times(claims)
    # RFC 7519 4.1.4: "on or after", so now >= exp is rejected.
    if now - leeway_seconds >= ends_at:
        raise ExpiredTokenError("the token has expired", claim="exp", actual=ends_at, expected=now)
    if starts_at > now + leeway_seconds:
        name = next(name for name in _START_CLAIMS if claims.get(name) == starts_at)
        raise ImmatureTokenError("the token is not valid yet", claim=name, actual=starts_at, expected=now)
    is_machine = _verify_user(claims, use)
    # An ID token is bound to no API. If both uses are accepted, it must not replace an access token that is not bound
    # to this one.
    if pool.resource and (use == "access" or "access" in token_uses):
        _verify_resource(claims, pool.resource, is_machine)
    if nonce is not None and claims.get("nonce") != nonce:
        raise ClaimError("nonce does not match this sign-in", claim="nonce", code="nonce_mismatch")
    return starts_at, ends_at


def find_accepted_client(claims: Mapping[str, Any], client_ids: tuple[str, ...]) -> str:
    """Return the first of `client_id` and `aud` that is in `client_ids`; an empty string if neither is."""
    return next((claims[name] for name in _CLIENT_CLAIM.values() if claims.get(name) in client_ids), "")


def _read_times(claims: Mapping[str, Any]) -> tuple[float, float]:
    """Return the latest of `iat`, `nbf` and `auth_time`, and `exp`. Raises ClaimError if one of them is no moment."""
    issued_at, ends_at = claims.get("iat"), claims.get("exp")
    begins_at, auth_time = claims.get("nbf", issued_at), claims.get("auth_time", issued_at)
    if (
        type(ends_at) is type(issued_at) is type(begins_at) is type(auth_time) is int
        and 0 < ends_at < _MAX_SECONDS
        and 0 < issued_at < _MAX_SECONDS
        and 0 < begins_at < _MAX_SECONDS
        and 0 < auth_time < _MAX_SECONDS
    ):
        return max(issued_at, begins_at, auth_time), ends_at
    # Not as Cognito writes them, but perhaps valid: floats.
    end = _read_seconds(claims, "exp")
    return max(_read_seconds(claims, name) for name in _START_CLAIMS if name == "iat" or name in claims), end


def _verify_user(claims: Mapping[str, Any], use: TokenUse) -> bool:
    """Verify `sub`, username, groups and scope; return whether the token is a machine-to-machine client's."""
    subject, username, groups = (
        claims.get("sub"),
        claims.get(_USERNAME_CLAIM[use]),
        claims.get("cognito:groups", _NO_GROUPS),
    )
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_NAME_CHARS or "\0" in subject:
        raise _name_error(claims, "sub")
    is_machine = use == "access" and subject == claims["client_id"] and "username" not in claims
    if not is_machine and (
        not isinstance(username, str) or not 0 < len(username) <= _MAX_NAME_CHARS or "\0" in username
    ):
        raise _name_error(claims, _USERNAME_CLAIM[use])
    if not isinstance(groups, list) or not all(map(_is_text, groups)):
        raise ClaimError("not a list of names", claim="cognito:groups", actual=groups)
    if not isinstance(claims.get("scope", ""), str):
        raise ClaimError("not a string", claim="scope", actual=claims["scope"])
    if not isinstance(claims.get("jti", ""), str):
        raise ClaimError("not a string", claim="jti", actual=claims["jti"])
    return is_machine


def _verify_resource(claims: Mapping[str, Any], resource: str, is_machine: bool) -> None:
    """RFC 8707: a user's token must be bound to this API. Cognito binds no machine's; one with an `aud` must match."""
    audience = claims.get("aud")
    if audience != resource and not (is_machine and "aud" not in claims):
        message = "bound to another API, or to none"
        raise ClaimError(message, claim="aud", actual=audience, expected=resource, code="wrong_resource")


def _name_error(claims: Mapping[str, Any], name: str) -> ClaimError:
    return ClaimError("missing, or not a string of reasonable length", claim=name, actual=claims.get(name))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value  # PostgreSQL stores no NUL


def _read_seconds(claims: Mapping[str, Any], name: str) -> float:
    """Return a NumericDate (RFC 7519 2) in whole seconds, as Cognito writes it, that datetime can represent."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ClaimError("missing, or not a number", claim=name, actual=value)
    if not 0 < value < _MAX_SECONDS or value != int(value):
        raise ClaimError("not a moment in whole seconds", claim=name, actual=value)
    return value
