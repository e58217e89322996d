"""Cognito's tokens as values: typed, read-only all the way down. Knows nothing of keys, clocks or settings.

The raw string is never kept here: a token may be logged, cached and passed on without becoming a way in.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal, NoReturn, Self

from .jws import decode_jws

TokenUse = Literal["access", "id"]


class Token:
    """What every verified token of Cognito says. `claims` is the whole claim set, read-only."""

    __slots__ = ("__weakref__", "_claims", "_frozen", "user_pool_id")

    user_pool_id: str
    _claims: Mapping[str, Any]
    _frozen: Mapping[str, Any] | None

    def __init__(self, user_pool_id: str, claims: Mapping[str, Any]) -> None:
        """`claims` are the token's from here on: nobody else changes them."""
        put = object.__setattr__
        put(self, "user_pool_id", user_pool_id)
        put(self, "_claims", claims)
        put(self, "_frozen", None)

    @property
    def claims(self) -> Mapping[str, Any]:
        """The whole claim set as the token says it, read-only all the way down; lists are tuples."""
        if self._frozen is None:  # most are never looked at whole
            object.__setattr__(self, "_frozen", _frozen(self._claims))
        return self._frozen  # type: ignore[return-value]

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a token is read-only: {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a token is read-only: {name} cannot be deleted")

    @property
    def sub(self) -> str:
        """The person's immutable id in the pool; of a machine, its app client."""
        return str(self._claims["sub"])

    @property
    def issuer(self) -> str:
        """The pool's issuer, in the form that this token names."""
        return str(self._claims["iss"])

    @property
    def client_id(self) -> str:
        """The app client that the token was issued to."""
        return str(self._claims["client_id"])

    @property
    def username(self) -> str:
        """The immutable Cognito username; never an e-mail address, also where people sign in with one."""
        return str(self._claims["username"])

    @property
    def groups(self) -> tuple[str, ...]:
        """The person's Cognito groups, in Cognito's order; empty where the claim is absent."""
        return tuple(self._claims.get("cognito:groups", ()))

    @property
    def scopes(self) -> frozenset[str]:
        """The OAuth scopes that the token carries; ID tokens carry none."""
        return frozenset(self._claims.get("scope", "").split())

    @property
    def issued_at(self) -> datetime:
        """When the token was issued, in UTC."""
        return _moment(self._claims["iat"])

    @property
    def expires_at(self) -> datetime:
        """When the token ends, in UTC; from that moment on it is refused."""
        return _moment(self._claims["exp"])

    @property
    def auth_time(self) -> datetime | None:
        """When the person last signed in interactively, in UTC; refreshing does not change it."""
        return _moment(self._claims["auth_time"]) if "auth_time" in self._claims else None

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
        return str(self._claims["aud"])

    @property
    def username(self) -> str:
        """The immutable Cognito username."""
        return str(self._claims["cognito:username"])

    @property
    def email(self) -> str:
        """The person's e-mail address, or an empty string."""
        return str(self._claims.get("email") or "")

    @property
    def email_verified(self) -> bool:
        """Whether Cognito knows that the address is the person's; identity providers also write the string "true"."""
        verified = self._claims.get("email_verified")
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
    if isinstance(value, dict | MappingProxyType):
        return MappingProxyType({key: _frozen(item) for key, item in value.items()})
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _thawed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _thawed(item) for key, item in value.items()}
    return [_thawed(item) for item in value] if isinstance(value, tuple) else value


def read_unverified(raw: str) -> Mapping[str, Any]:
    """The claims that `raw` carries, verified by nobody: for diagnosis and for choosing, never for deciding.

    Raises MalformedTokenError.
    """
    return decode_jws(raw)[1]
