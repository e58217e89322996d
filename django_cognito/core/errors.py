"""The exceptions of this package. Must not depend on any other module.

CognitoError                          .code: a stable slug; the class has the default
├── TokenError                        the token is rejected                                   -> 401
│   ├── MalformedTokenError             not a JWT of the right shape
│   ├── SignatureError                  wrong alg, unknown kid (while the keys are fresh), bad signature
│   ├── ClaimError                      .claim .actual .expected
│   │   ├── ExpiredTokenError
│   │   ├── ImmatureTokenError
│   │   ├── IssuerError
│   │   ├── ClientError
│   │   └── TokenUseError
│   └── RevokedTokenError               signed out before it expired
├── SignInError                       the hosted UI or the token endpoint refused             -> the sign-in error page
├── CredentialsError                  the identity pool refused                               -> 403
└── CognitoUnavailableError           Cognito could not be reached; retryable                 -> 503
    └── KeyFetchRequiredError           the keys must be fetched, and the call excluded that

A message has no token, code, secret or key; the message of a ClaimError may have the value of the claim. Messages are
for operators; clients get `code` and a fixed sentence.
"""

from typing import Any, Self


class CognitoError(Exception):
    """The base class; `code` is stable and documented, the message is for logs."""

    code = "cognito_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class TokenError(CognitoError):
    """The token is rejected; a retry with the same token has the same result.

    `user_pool_id` and `client_id` are the configured pool and app client that the token names; empty if it names none.
    They come from unverified claims if the signature was not verified.
    """

    code = "invalid_token"
    user_pool_id = ""
    client_id = ""


class MalformedTokenError(TokenError):
    """The string is not a JWT in the form that Cognito issues."""

    code = "malformed_token"


class SignatureError(TokenError):
    """The header, the key or the signature is not the pool's."""

    code = "invalid_signature"


class ClaimError(TokenError):
    """A claim is missing or is not as expected; raised after signature verification, so it may have values.

    If the signature was not verified, `unverified` has the value of the claim instead of `actual`. It is for diagnosis
    only, and not in the message.
    """

    code = "invalid_claim"

    def __init__(
        self,
        message: str,
        *,
        claim: str = "",
        actual: Any = None,
        expected: Any = None,
        unverified: Any = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, code=code)
        self.claim = claim
        self.actual = actual
        self.expected = expected
        self.unverified = unverified

    def __str__(self) -> str:
        details = {"claim": self.claim, "actual": self.actual, "expected": self.expected}
        reprs = {name: repr(value) for name, value in details.items() if value not in ("", None)}
        # Shortened for log lines: a claim can be as long as a token.
        short = {name: text if len(text) <= 200 else f"{text[:200]}..." for name, text in reprs.items()}
        text = ", ".join(f"{name} {value}" for name, value in short.items())
        return f"{self.args[0]} ({text})" if text else str(self.args[0])

    def without_values(self) -> Self:
        """Return the same error with the value of the claim as `unverified`: the signature is not verified yet."""
        details = {"claim": self.claim, "expected": self.expected, "unverified": self.actual}
        return type(self)(self.args[0], **details, code=self.code)


class ExpiredTokenError(ClaimError):
    """The token has expired (`exp`)."""

    code = "token_expired"


class ImmatureTokenError(ClaimError):
    """The token is not valid yet (`nbf`, `iat` or `auth_time` is in the future)."""

    code = "token_not_yet_valid"


class IssuerError(ClaimError):
    """The token is from a user pool that is not configured (`iss`)."""

    code = "wrong_issuer"


class ClientError(ClaimError):
    """The token was issued to an app client that is not accepted (`client_id` or `aud`)."""

    code = "wrong_client"


class TokenUseError(ClaimError):
    """An ID token instead of an access token, or the reverse (`token_use`)."""

    code = "wrong_token_use"


class RevokedTokenError(TokenError):
    """The user signed out, or the token was revoked, before it expired.

    `reason` is "origin_jti" if its sign-in was revoked, or this token alone; "not_before" if the user signed out
    everywhere after it.
    """

    code = "token_revoked"

    def __init__(self, message: str, *, reason: str = "", code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.reason = reason


class SignInError(CognitoError):
    """The hosted UI or the token endpoint refused; `oauth_error` is the `error` parameter (RFC 6749 4.1.2.1, 5.2)."""

    code = "sign_in_refused"

    def __init__(self, message: str, *, oauth_error: str | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.oauth_error = oauth_error


class CredentialsError(CognitoError):
    """The identity pool refused; `aws_code` is the name of AWS's exception."""

    code = "credentials_refused"

    def __init__(self, message: str, *, aws_code: str | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.aws_code = aws_code


class CognitoUnavailableError(CognitoError):
    """Cognito could not be reached; the same call may succeed after `retry_after` seconds.

    `was_sent` is False if no connection was made: Cognito has not seen the request. `is_outage` is False if Cognito
    answered, and other requests may succeed: a throttle, or an error that concerns this request.
    """

    code = "cognito_unavailable"

    def __init__(
        self,
        message: str,
        *,
        retry_after: int = 5,
        code: str | None = None,
        was_sent: bool = True,
        is_outage: bool = True,
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after
        self.was_sent = was_sent
        self.is_outage = is_outage


class KeyFetchRequiredError(CognitoUnavailableError):
    """The key of a token is not cached and must be fetched, which the call excluded by `wait=False`.

    `keys` identifies the fetch: it is the same object for all calls that need the same fetch.
    """

    def __init__(self, message: str, *, keys: object = None) -> None:
        super().__init__(message, retry_after=1)
        self.keys = keys
