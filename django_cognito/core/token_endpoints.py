"""The tokens of a sign-in, and the interface of the endpoints that refresh and revoke them. Must not do I/O."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from .errors import SignInError

_MALFORMED = "malformed_response"


@dataclass(frozen=True, slots=True)
class TokenSet:
    """The tokens of a token response; the repr shows none of them.

    After a refresh, `refresh_token` is None unless the app client rotates refresh tokens; the old one stays valid.
    `expires_in` is in seconds, 0 if the response has none. `device_key` is that of the sign-in if the user pool tracks
    devices; empty otherwise.
    """

    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: int
    device_key: str = field(default="", repr=False)


class TokenEndpoints(Protocol):
    """Refreshes and revokes the tokens of one app client: at the hosted UI (`HostedUi`), or by the user-pool API.

    Both raise the same errors. SignInError has the `oauth_error` of the token endpoint: only `invalid_grant` is about
    the refresh token, `invalid_client` is about the app client.
    """

    client_id: str

    def until(self, ends_at: float) -> "TokenEndpoints":
        """Return an object whose requests share a deadline: `ends_at` on the clock `time.monotonic`."""

    def refresh(self, refresh_token: str, *, device_key: str = "") -> TokenSet:
        """Return new tokens for a refresh token; they have the user's current attributes and groups.

        Raises SignInError, with the `oauth_error` "invalid_grant" if the token has expired or was revoked;
        CognitoUnavailableError.
        """

    def revoke(self, refresh_token: str) -> None:
        """Revoke a refresh token and, for Cognito's own APIs, its access tokens. Idempotent.

        Raises SignInError, with the code "revocation_disabled" if the app client's token revocation is off;
        CognitoUnavailableError.
        """

    def sign_out_everywhere(self, access_token: str) -> None:
        """Revoke all refresh tokens of the user, and at Cognito's own APIs the access tokens (GlobalSignOut).

        Raises SignInError with the code "sign_out_scope_required" if the access token lacks the scope
        `aws.cognito.signin.user.admin`, or "sign_out_refused" (expired, revoked); CognitoUnavailableError, with the
        code "too_many_requests" if Cognito throttles.
        """


def build_token_set(
    *, access_token: Any, id_token: Any, refresh_token: Any, token_type: Any, expires_in: Any
) -> TokenSet:
    """Return the tokens of these members of a response. Raises SignInError (code "malformed_response")."""
    if not isinstance(access_token, str) or not isinstance(id_token, str):
        raise SignInError("Cognito returned no access or ID token: is the scope openid requested?", code=_MALFORMED)
    if str(token_type).lower() != "bearer":  # RFC 6749 5.1: the value is case insensitive.
        raise SignInError("Cognito returned tokens of an unknown type", code=_MALFORMED)
    return TokenSet(
        access_token=access_token,
        id_token=id_token,
        refresh_token=refresh_token if isinstance(refresh_token, str) and refresh_token else None,
        expires_in=expires_in if type(expires_in) is int and expires_in > 0 else 0,
    )
