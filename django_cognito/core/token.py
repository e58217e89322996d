"""Cognito's tokens as values: typed, read-only all the way down. Knows nothing of keys, clocks or settings.

The raw string is never kept here: a token may be logged, cached and passed on without becoming a way in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal, Self

from .compact import take_apart

TokenUse = Literal["access", "id"]

_SCALARS = frozenset({str, int, bool, float, type(None)})
_ARRAYS = (list, tuple)


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """What every verified token of Cognito says. `claims` is the whole claim set, read-only."""

    user_pool_id: str
    claims: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "claims", _frozen_members(self.claims))

    @property
    def sub(self) -> str:
        """The person's immutable id in the pool; of a machine, its app client."""
        return str(self.claims["sub"])

    @property
    def issuer(self) -> str:
        """The pool's issuer, in the form that this token names."""
        return str(self.claims["iss"])

    @property
    def client_id(self) -> str:
        """The app client that the token was issued to."""
        return str(self.claims["client_id"])

    @property
    def username(self) -> str:
        """The immutable Cognito username; never an e-mail address, also where people sign in with one."""
        return str(self.claims["username"])

    @property
    def groups(self) -> tuple[str, ...]:
        """The person's Cognito groups, in Cognito's order; empty where the claim is absent."""
        return tuple(self.claims.get("cognito:groups", ()))

    @property
    def scopes(self) -> frozenset[str]:
        """The OAuth scopes that the token carries; ID tokens carry none."""
        return frozenset(self.claims.get("scope", "").split())

    @property
    def issued_at(self) -> datetime:
        """When the token was issued, in UTC."""
        return _moment(self.claims["iat"])

    @property
    def expires_at(self) -> datetime:
        """When the token ends, in UTC; from that moment on it is refused."""
        return _moment(self.claims["exp"])

    @property
    def auth_time(self) -> datetime | None:
        """When the person last signed in interactively, in UTC; refreshing does not change it."""
        return _moment(self.claims["auth_time"]) if "auth_time" in self.claims else None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} sub={self.sub} pool={self.user_pool_id}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[str, Any]]:
        return type(self), (self.user_pool_id, _thawed(self.claims))


class AccessToken(Token):
    """A person's access token: what an API takes."""

    __slots__ = ()


class IdToken(Token):
    """A person's ID token: who somebody is, for the client that it names."""

    __slots__ = ()

    @property
    def client_id(self) -> str:
        """The app client that the token was issued to (`aud`)."""
        return str(self.claims["aud"])

    @property
    def username(self) -> str:
        """The immutable Cognito username."""
        return str(self.claims["cognito:username"])

    @property
    def email(self) -> str:
        """The person's e-mail address, or an empty string."""
        return str(self.claims.get("email") or "")

    @property
    def email_verified(self) -> bool:
        """Whether Cognito knows that the address is the person's; identity providers also write the string "true"."""
        verified = self.claims.get("email_verified")
        return verified is True or verified == "true"  # and not 1, which equals True


class ClientToken(Token):
    """A machine's access token (`client_credentials`): scopes, and nobody behind it."""

    __slots__ = ()

    @property
    def username(self) -> str:
        """The app client: a machine has no username of its own."""
        return self.client_id


def token_of(claims: Mapping[str, Any], user_pool_id: str) -> AccessToken | IdToken | ClientToken:
    """The token value of claims that have been verified: which of the three kinds they are, they say themselves."""
    if claims["token_use"] == "id":
        return IdToken(user_pool_id, claims)
    # A machine's token has no username, and its app client as `sub` (AWS developer guide, "Scopes, M2M").
    if "username" not in claims and claims["sub"] == claims["client_id"]:
        return ClientToken(user_pool_id, claims)
    return AccessToken(user_pool_id, claims)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _frozen(value: Any) -> Any:
    if type(value) in _SCALARS:
        return value
    if isinstance(value, _ARRAYS):
        return tuple(map(_frozen, value))
    return _frozen_members(value) if isinstance(value, Mapping) else value


def _frozen_members(value: Mapping[str, Any]) -> Mapping[str, Any]:
    members = dict(value)
    for name, item in members.items():
        if type(item) not in _SCALARS:
            members[name] = _frozen(item)
    return MappingProxyType(members)


def _thawed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _thawed(item) for key, item in value.items()}
    return [_thawed(item) for item in value] if isinstance(value, tuple) else value


def read_unverified(raw: str) -> Mapping[str, Any]:
    """The claims that `raw` carries, verified by nobody: for diagnosis and for choosing, never for deciding.

    Raises MalformedTokenError.
    """
    return take_apart(raw).claims
