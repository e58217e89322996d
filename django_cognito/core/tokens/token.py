"""Cognito's tokens as typed, deeply read-only values. Must not depend on keys, clocks or settings.

A token does not have the raw string, so it can be logged, cached and passed on.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal, NoReturn, Self

from .jws import decode_jws

TokenUse = Literal["access", "id"]


class Token:
    """A verified token of Cognito. `claims` is the whole claim set, read-only, with times in seconds since 1970."""

    __slots__ = ("__weakref__", "_claims", "_frozen", "user_pool_id")

    user_pool_id: str
    _claims: Mapping[str, Any]
    _frozen: Mapping[str, Any] | None

    def __init__(self, user_pool_id: str, claims: Mapping[str, Any]) -> None:
        """Store `claims`, which the caller must not change afterwards."""
        set_attribute = object.__setattr__
        set_attribute(self, "user_pool_id", user_pool_id)
        set_attribute(self, "_claims", claims)
        set_attribute(self, "_frozen", None)

    @property
    def claims(self) -> Mapping[str, Any]:
        """The whole claim set, deeply read-only; lists are tuples."""
        if self._frozen is None:  # most tokens never need it
            object.__setattr__(self, "_frozen", _freeze(self._claims))
        return self._frozen  # type: ignore[return-value]

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a token is read-only: {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a token is read-only: {name} cannot be deleted")

    @property
    def sub(self) -> str:
        """The user's immutable id in the pool; of a machine-to-machine client, its client id."""
        return str(self._claims["sub"])

    @property
    def issuer(self) -> str:
        """The pool's issuer, in the form of this token."""
        return str(self._claims["iss"])

    @property
    def client_id(self) -> str:
        """The app client that the token was issued to."""
        return str(self._claims["client_id"])

    @property
    def username(self) -> str:
        """The immutable Cognito username; never an email address, even if users sign in with one."""
        return str(self._claims["username"])

    @property
    def groups(self) -> tuple[str, ...]:
        """The user's Cognito groups, in Cognito's order; empty if the claim is absent."""
        return tuple(self._claims.get("cognito:groups", ()))

    @property
    def scopes(self) -> frozenset[str]:
        """The OAuth scopes of the token."""
        # RFC 6749 3.3: separated by spaces, not by other white space.
        return frozenset(self._claims.get("scope", "").split(" ")) - {""}

    @property
    def issued_at(self) -> datetime:
        """When the token was issued, as an aware datetime in UTC: of a session, its sign-in or last refresh."""
        return _moment(self._claims["iat"])

    @property
    def expires_at(self) -> datetime:
        """When the token expires, as an aware datetime in UTC; from that moment on it is rejected."""
        return _moment(self._claims["exp"])

    @property
    def auth_time(self) -> datetime | None:
        """When the user last signed in interactively, as an aware datetime in UTC; None without the claim.

        Refreshing does not change it.
        """
        return _moment(self._claims["auth_time"]) if "auth_time" in self._claims else None

    @property
    def origin_jti(self) -> str:
        """The id of the sign-in, also in tokens of its refreshes; empty if the pool does not issue it."""
        value = self._claims.get("origin_jti")
        return value if isinstance(value, str) else ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} sub={self.sub} pool={self.user_pool_id}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[str, Any]]:
        return type(self), (self.user_pool_id, _thaw(self.claims))


class AccessToken(Token):
    """A user's access token, for APIs."""

    __slots__ = ()


class IdToken(Token):
    """A user's ID token: the identity of the user, for one app client."""

    __slots__ = ()

    @property
    def client_id(self) -> str:
        """The app client that the token was issued to (`aud`)."""
        return str(self._claims["aud"])

    @property
    def scopes(self) -> frozenset[str]:
        """An empty set: a claim `scope` in an ID token is not a grant of the authorization server."""
        return frozenset()

    @property
    def username(self) -> str:
        """The immutable Cognito username."""
        return str(self._claims["cognito:username"])

    @property
    def email(self) -> str:
        """The user's email address, or an empty string."""
        return str(self._claims.get("email") or "")

    @property
    def email_verified(self) -> bool:
        """Whether Cognito verified the email address; identity providers also write the string "true"."""
        verified = self._claims.get("email_verified")
        return verified is True or verified == "true"  # and not 1, which equals True


class ClientToken(Token):
    """A machine-to-machine client's access token (`client_credentials`): scopes, but no user."""

    __slots__ = ()

    @property
    def username(self) -> str:
        """The client id: a machine-to-machine client has no username."""
        return self.client_id


def build_token(claims: Mapping[str, Any], user_pool_id: str) -> AccessToken | IdToken | ClientToken:
    """Return the token of verified claims; the claims decide which of the three classes it is."""
    if claims["token_use"] == "id":
        return IdToken(user_pool_id, claims)
    # A machine-to-machine token has no username, and its client id as `sub` (AWS developer guide, "Scopes, M2M").
    if "username" not in claims and claims["sub"] == claims["client_id"]:
        return ClientToken(user_pool_id, claims)
    return AccessToken(user_pool_id, claims)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _freeze(value: Any) -> Any:
    if isinstance(value, dict | MappingProxyType):
        return MappingProxyType({key: _freeze(item) for key, item in value.items()})
    return tuple(map(_freeze, value)) if isinstance(value, list | tuple) else value


def _thaw(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _thaw(item) for key, item in value.items()}
    return [_thaw(item) for item in value] if isinstance(value, tuple) else value


def read_unverified(raw: str) -> Mapping[str, Any]:
    """Return the claims of `raw` without verification: for diagnosis and for routing, never for authorization.

    Raises MalformedTokenError.
    """
    return decode_jws(raw)[1]
