"""Every exception of this package. Knows nothing: all else may import it.

CognitoError                          .code: a stable slug, per instance; the class gives the default
├── TokenError                        the token is refused                                    -> 401
│   ├── MalformedTokenError             not a JWT of the right shape
│   ├── SignatureError                  wrong alg, unknown kid (while the keys are fresh), bad signature
│   ├── ClaimError                      .claim .actual .expected
│   │   ├── ExpiredTokenError
│   │   ├── ImmatureTokenError
│   │   ├── IssuerError
│   │   ├── ClientError
│   │   └── TokenUseError
│   └── RevokedTokenError               signed out before its end
├── SignInError                       the hosted UI or the token endpoint refused             -> the login-failed page
├── CredentialsError                  the identity pool refused                               -> 403
└── CognitoUnavailableError           Cognito could not be asked; the same call may succeed later -> 503
    └── KeysDueError                    it was not asked, for the call was not to wait

No message holds a token, a code, a secret or a key; a ClaimError's may hold the claim's value. Messages are for
operators; clients get `code` and a fixed sentence.
"""

from typing import Any, Self


class CognitoError(Exception):
    """Any refusal or failure of this package; `code` is stable and documented, the message is for logs."""

    code = "cognito_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class TokenError(CognitoError):
    """The token is refused; asking again with the same token gives the same answer.

    `user_pool_id` and `client_id` name the pool and the app client that it is for, where they are among those accepted
    here; else they are empty. Until the signature has held that is no more than what the token says of itself.
    """

    code = "invalid_token"
    user_pool_id = ""
    client_id = ""


class MalformedTokenError(TokenError):
    """The string is not a JWT of the shape that Cognito writes."""

    code = "malformed_token"


class SignatureError(TokenError):
    """The header, the key or the signature is not what the pool signs with."""

    code = "invalid_signature"


class ClaimError(TokenError):
    """A claim is missing or is not as expected; raised only after the signature has held, so it may name values."""

    code = "invalid_claim"

    def __init__(
        self, message: str, *, claim: str = "", actual: Any = None, expected: Any = None, code: str | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.claim = claim
        self.actual = actual
        self.expected = expected

    def __str__(self) -> str:
        details = {"claim": self.claim, "actual": self.actual, "expected": self.expected}
        told = ", ".join(f"{name} {_short(value)}" for name, value in details.items() if value not in ("", None))
        return f"{self.args[0]} ({told})" if told else str(self.args[0])

    def without_values(self) -> Self:
        """The same refusal without the token's value: what may be said before the signature has held."""
        return type(self)(self.args[0], claim=self.claim, expected=self.expected, code=self.code)


class ExpiredTokenError(ClaimError):
    """The token's time is over (`exp`)."""

    code = "token_expired"


class ImmatureTokenError(ClaimError):
    """The token's time has not come (`nbf`, or `iat` ahead of the clock)."""

    code = "token_not_yet_valid"


class IssuerError(ClaimError):
    """The token comes from a pool that is not configured here (`iss`)."""

    code = "wrong_issuer"


class ClientError(ClaimError):
    """The token was issued to an app client that is not accepted here (`client_id` or `aud`)."""

    code = "wrong_client"


class TokenUseError(ClaimError):
    """An ID token where an access token is due, or the other way round (`token_use`)."""

    code = "wrong_token_use"


class RevokedTokenError(TokenError):
    """The token, or its person, was signed out before the token's end."""

    code = "token_revoked"


class SignInError(CognitoError):
    """The hosted UI or the token endpoint refused; `oauth_error` is its word for why (RFC 6749 4.1.2.1, 5.2)."""

    code = "sign_in_refused"

    def __init__(self, message: str, *, oauth_error: str | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.oauth_error = oauth_error


class CredentialsError(CognitoError):
    """The identity pool refused; `aws_code` is the exception name that AWS gave."""

    code = "credentials_refused"

    def __init__(self, message: str, *, aws_code: str | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.aws_code = aws_code


class CognitoUnavailableError(CognitoError):
    """Cognito could not be asked; the same call may succeed after `retry_after` seconds."""

    code = "cognito_unavailable"

    def __init__(self, message: str, *, retry_after: int = 5, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class KeysDueError(CognitoUnavailableError):
    """The keys that a token needs are not in hand, and the call was not to wait for them.

    `keys` stands for them: it is the same object for all calls that would wait for the same fetch.
    """

    def __init__(self, message: str, *, keys: object = None) -> None:
        super().__init__(message, retry_after=1)
        self.keys = keys


def _short(value: Any) -> str:
    """`value` for a log line: a claim can be as long as a token."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
