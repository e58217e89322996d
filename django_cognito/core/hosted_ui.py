"""A pool's hosted UI (managed login): its URLs, and its token, revocation and userInfo endpoints.

Must not depend on sessions. Does not verify tokens: the caller must pass them to a verifier.
Source: AWS developer guide, "User pool endpoints and managed login reference"; RFC 6749, 7009 and 7636.
"""

import base64
import hashlib
import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote, urlencode

from .auth_api.user_api import UserPoolApi
from .client_secret import ClientSecret
from .error_responses import describe_client, describe_response, find_code, read_object
from .errors import CognitoError, CognitoUnavailableError, MalformedTokenError, SignInError, TokenError
from .http.client import Http, Response
from .token_endpoints import TokenSet as TokenSet  # also a part of this module's interface
from .token_endpoints import build_token_set
from .tokens.jws import decode_json_object
from .user_pool import UserPool

_log = logging.getLogger(__name__)
# RFC 6749 5.2 and RFC 7009 2.2.1: errors of the endpoints that become the `code` of a SignInError.
_OAUTH_ERRORS = frozenset(
    {
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_token_type",
    }
)
_OAUTH_ERROR = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}", re.ASCII)
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)  # RFC 6750 2.1


@dataclass(frozen=True, slots=True)
class SignInSecrets:
    """The values that bind one sign-in to one browser; do not send them elsewhere. The repr shows none of them."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """Return new random values of 256 bits each, in characters that URLs do not escape."""
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))

    @property
    def code_challenge(self) -> str:
        """The S256 challenge of the code verifier (RFC 7636 4.2)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.code_verifier.encode()).digest()).rstrip(b"=").decode()


class HostedUi:
    """The hosted UI of `pool` for one app client: confidential with a `client_secret`, public without.

    The methods that return URLs do no I/O; each other method makes one request. If Cognito refuses a secret that a
    `ClientSecret` can read again, the request is repeated once with the new secret. `token_http` makes the requests to
    the token endpoint, which waits for the pool's triggers; by default `http` makes them too.
    Raises ValueError if the pool has no `domain`.
    """

    def __init__(
        self,
        pool: UserPool,
        client_id: str,
        client_secret: str | ClientSecret = "",
        *,
        http: Http | None = None,
        token_http: Http | None = None,
    ) -> None:
        if not pool.domain:
            raise ValueError(f"the hosted UI needs the domain of {pool.user_pool_id}: UserPool(..., domain=)")
        self.pool = pool
        self.client_id = client_id
        self._secret = client_secret if isinstance(client_secret, ClientSecret) else ClientSecret(client_secret)
        self._http = http or Http(insecure_hosts=pool.insecure_hosts)
        self._token_http = token_http or self._http

    def __repr__(self) -> str:
        return f"<HostedUi {self.pool.domain} client={self.client_id}>"

    def until(self, ends_at: float) -> "HostedUi":
        """Return an object whose requests share a deadline: `ends_at` on the clock `time.monotonic`."""
        http, token_http = self._http.until(ends_at), self._token_http.until(ends_at)
        return HostedUi(self.pool, self.client_id, self._secret, http=http, token_http=token_http)

    def authorize_url(self, secrets: SignInSecrets, *, redirect_uri: str, scopes: Sequence[str], **extras: str) -> str:
        """Return the URL of the sign-in page. `extras` are parameters such as `identity_provider` and `lang`.

        Raises ValueError for an extra that has the name of another parameter.
        """
        return self._sign_in_url("/oauth2/authorize", secrets, redirect_uri, scopes, extras)

    def sign_up_url(self, secrets: SignInSecrets, *, redirect_uri: str, scopes: Sequence[str], **extras: str) -> str:
        """Return the URL of the sign-up page, which then signs the user in as `authorize_url` does."""
        return self._sign_in_url("/signup", secrets, redirect_uri, scopes, extras)

    def forgot_password_url(
        self, secrets: SignInSecrets, *, redirect_uri: str, scopes: Sequence[str], **extras: str
    ) -> str:
        """Return the URL of the forgotten-password page, which then signs the user in as `authorize_url` does."""
        return self._sign_in_url("/forgotPassword", secrets, redirect_uri, scopes, extras)

    def logout_url(self, logout_uri: str) -> str:
        """Return the URL that ends the hosted UI's session and redirects to `logout_uri`. It revokes no tokens."""
        return self._url("/logout", {"client_id": self.client_id, "logout_uri": logout_uri})

    def exchange_code(self, code: str, *, redirect_uri: str, code_verifier: str) -> TokenSet:
        """Return the tokens for the authorization code of a sign-in, which is valid once and for five minutes.

        Never repeated, except after a refused client secret: the first attempt may have used up the code.

        Raises SignInError if Cognito refuses or its response lacks the tokens; CognitoUnavailableError.
        """
        form = {"code": code, "redirect_uri": redirect_uri, "code_verifier": code_verifier}
        return self._request_tokens({"grant_type": "authorization_code", **form})

    def refresh(self, refresh_token: str, *, device_key: str = "") -> TokenSet:
        """Return new tokens for a refresh token; they have the user's current attributes and groups.

        The token endpoint takes no `device_key`; the parameter is that of `TokenEndpoints`.

        Raises SignInError, with the code `invalid_grant` if the token has expired or was revoked;
        CognitoUnavailableError.
        """
        return self._request_tokens({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def revoke(self, refresh_token: str) -> None:
        """Revoke a refresh token and, for Cognito's own APIs, its access tokens. Idempotent.

        Raises SignInError, with the code "revocation_disabled" if the app client's token revocation is off;
        CognitoUnavailableError.
        """
        response = self._post(self._http, "/oauth2/revoke", {"token": refresh_token})
        if response.status != 200:
            error = self._error_for(response)
            if error.code == "invalid_request":  # of a request without a token, or of such a client
                error.code = "revocation_disabled"
            raise error

    def sign_out_everywhere(self, access_token: str) -> None:
        """Revoke all refresh tokens of the user, and at Cognito's own APIs the access tokens (GlobalSignOut).

        Raises SignInError with the code "sign_out_scope_required" if the access token lacks the scope
        `aws.cognito.signin.user.admin`, or "sign_out_refused" (expired, revoked); CognitoUnavailableError, with the
        code "too_many_requests" if Cognito throttles.
        """
        api = UserPoolApi(self.pool, self.client_id, self._secret, http=self._http)
        api.sign_out_everywhere(access_token)

    def user_info(self, access_token: str) -> Mapping[str, Any]:
        """Return the claims of userInfo for an access token with the scope `openid`.

        Compare its `sub` with the ID token's before using it. Booleans are the strings "true" and "false".

        Raises TokenError if the token has expired, was revoked or lacks that scope; CognitoUnavailableError.
        """
        if not _BEARER.fullmatch(access_token):
            raise MalformedTokenError("not a bearer token")
        headers = {"Authorization": f"Bearer {access_token}"}
        response = self._http.request("GET", f"{self.pool.domain}/oauth2/userInfo", headers=headers)
        if response.status != 200:
            _log_error("userInfo", response)
        if response.status in (400, 401):
            raise TokenError("userInfo refused the access token")
        if response.status != 200:
            raise self._unavailable(response)
        try:
            return decode_json_object(response.body)  # as strictly as the claims of a token
        except MalformedTokenError:
            raise self._unavailable(response) from None

    def _sign_in_url(
        self, path: str, secrets: SignInSecrets, redirect_uri: str, scopes: Sequence[str], extras: Mapping[str, str]
    ) -> str:
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes),
            "state": secrets.state,
            "nonce": secrets.nonce,
            "code_challenge": secrets.code_challenge,
            "code_challenge_method": "S256",
            **({"resource": self.pool.resource} if self.pool.resource else {}),  # RFC 8707: the token's `aud`
        }
        if clash := sorted(parameters.keys() & extras.keys()):
            raise ValueError(f"{', '.join(clash)} cannot be given as an extra")
        return self._url(path, {**parameters, **extras})

    def _url(self, path: str, parameters: Mapping[str, str]) -> str:
        # %20 rather than "+" for a space: the hosted UI accepts both, its identity providers may not.
        return f"{self.pool.domain}{path}?{urlencode(parameters, quote_via=quote)}"

    def _post(self, http: Http, path: str, form: Mapping[str, str]) -> Response:
        """Send a form as this app client, and a second time if its secret was refused and has changed.

        Repeating is safe, also for a code or a refresh token for a single use: the server "MUST" authenticate the
        client before it uses either (RFC 6749 3.2.1, 4.1.3, 6), and `invalid_client` means that this failed (5.2).
        """
        secret = self._secret.read()
        response = self._post_once(http, path, form, secret)
        answer = read_object(response) if response.status in (400, 401) else None  # RFC 6749 5.2
        if answer is None or answer.get("error") != "invalid_client":
            return response
        changed = self._secret.read_again(secret)
        return response if changed is None else self._post_once(http, path, form, changed)

    def _post_once(self, http: Http, path: str, form: Mapping[str, str], secret: str) -> Response:
        auth = (self.client_id, secret) if secret else None
        data = form if auth else {"client_id": self.client_id, **form}
        response = http.request("POST", f"{self.pool.domain}{path}", data=data, auth=auth)
        if response.status != 200:
            _log_error(path, response)
        return response

    def _request_tokens(self, form: Mapping[str, str]) -> TokenSet:
        response = self._post(self._token_http, "/oauth2/token", form)
        if response.status != 200:
            raise self._error_for(response)
        answer = read_object(response)
        if answer is None:
            raise self._unavailable(response)
        names = ("access_token", "id_token", "refresh_token", "token_type", "expires_in")
        return build_token_set(**{name: answer.get(name) for name in names})

    def _error_for(self, response: Response) -> CognitoError:
        """Return the error for a status other than 200: Cognito's error, or CognitoUnavailableError."""
        answer = read_object(response) or {}
        error, description = answer.get("error"), str(answer.get("error_description", ""))
        refused = 400 <= response.status < 500 and response.status != 429
        if not refused or not isinstance(error, str) or not _OAUTH_ERROR.fullmatch(error):
            return self._unavailable(response)
        code = error if error in _OAUTH_ERRORS else None
        code = find_code(error, description) or code
        if code == "provider_trouble":
            return CognitoUnavailableError(f"the hosted UI could not complete the request: {error}", code=code)
        details = describe_client(self.client_id, self._secret.read()) if error == "invalid_client" else ""
        return SignInError(f"the hosted UI refused: {error}{details}", oauth_error=error, code=code)

    def _unavailable(self, response: Response) -> CognitoUnavailableError:
        return CognitoUnavailableError(f"{self.pool.domain} returned no usable response (status {response.status})")


def _log_error(endpoint: str, response: Response) -> None:
    """Log Cognito's words before the response becomes an error, which does not contain them."""
    _log.warning("Cognito returned an error at %s: %s", endpoint, describe_response(response))
