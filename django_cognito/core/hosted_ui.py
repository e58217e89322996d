"""A pool's hosted UI (managed login): its addresses, and its token, revocation and userInfo endpoints.

Knows no session and verifies no token: what comes back is only as good as its signature, which the verifier looks at.
Source: AWS developer guide, "User pool endpoints and managed login reference"; RFC 6749, 7009 and 7636.
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote, urlencode

from .client_secret import ClientSecret
from .errors import CognitoError, CognitoUnavailableError, MalformedTokenError, SignInError, TokenError
from .http.client import Http, Response
from .tokens.jws import decode_json_object
from .user_pool import UserPool

# RFC 6749 5.2 and RFC 7009 2.2.1: what the endpoints answer, and what we hand on as a code of our own.
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
# AWS developer guide, "Quotas in Amazon Cognito": requests in a second, and operations of one user in an hour.
_THROTTLES = frozenset({"TooManyRequestsException", "LimitExceededException", "ThrottlingException"})
_AWS_ERROR = re.compile(r"[A-Za-z]{1,64}", re.ASCII)
_MALFORMED = "malformed_response"
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)  # RFC 6750 2.1


@dataclass(frozen=True, slots=True)
class TokenSet:
    """What the token endpoint gave; the repr shows none of it.

    A refresh brings a new `refresh_token` only where the client rotates them; else it is None and the old one stays.
    `expires_in` is in seconds, 0 where the endpoint did not say.
    """

    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class SignInSecrets:
    """What ties one sign-in to one browser: keep it there, hand it to nobody. The repr shows none of it."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """Fresh secrets of 256 bits each, in characters that need no escaping."""
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))

    @property
    def code_challenge(self) -> str:
        """The S256 challenge of the code verifier (RFC 7636 4.2)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.code_verifier.encode()).digest()).rstrip(b"=").decode()


class HostedUi:
    """The hosted UI of `pool` for one app client: confidential with a `client_secret`, public without.

    Building an address reaches nothing; each other method makes one request. If Cognito refuses a secret that a
    `ClientSecret` can read again, the request is repeated once with the new secret. `token_http` makes the requests to
    the token endpoint, which waits for the pool's triggers; by default `http` makes them too.
    Raises ValueError where the pool has no `domain`.
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
        self._http = http or Http()
        self._token_http = token_http or self._http

    def __repr__(self) -> str:
        return f"<HostedUi {self.pool.domain} client={self.client_id}>"

    def until(self, ends_at: float) -> "HostedUi":
        """Return the same for several requests that share a deadline: `ends_at` on the clock `time.monotonic`."""
        http, token_http = self._http.until(ends_at), self._token_http.until(ends_at)
        return HostedUi(self.pool, self.client_id, self._secret, http=http, token_http=token_http)

    def authorize_url(self, secrets: SignInSecrets, *, redirect_uri: str, scopes: Sequence[str], **extras: str) -> str:
        """Where a browser signs in. `extras` are further parameters of Cognito: `identity_provider`, `lang` ...

        Raises ValueError for an extra that would replace a parameter of ours.
        """
        return self._sign_in_url("/oauth2/authorize", secrets, redirect_uri, scopes, extras)

    def sign_up_url(self, secrets: SignInSecrets, *, redirect_uri: str, scopes: Sequence[str], **extras: str) -> str:
        """Where a browser makes an account, and is then signed in as by `authorize_url`."""
        return self._sign_in_url("/signup", secrets, redirect_uri, scopes, extras)

    def forgot_password_url(
        self, secrets: SignInSecrets, *, redirect_uri: str, scopes: Sequence[str], **extras: str
    ) -> str:
        """Where a browser gets a new password, and is then signed in as by `authorize_url`."""
        return self._sign_in_url("/forgotPassword", secrets, redirect_uri, scopes, extras)

    def logout_url(self, logout_uri: str) -> str:
        """Where a browser ends the hosted UI's own session, before it goes on to `logout_uri`. Revokes nothing."""
        return self._url("/logout", {"client_id": self.client_id, "logout_uri": logout_uri})

    def exchange_code(self, code: str, *, redirect_uri: str, code_verifier: str) -> TokenSet:
        """The tokens for a sign-in's code, which is good once and for five minutes.

        Raises SignInError where Cognito refuses or answers without the tokens, CognitoUnavailableError where it cannot
        be asked. Never tried twice, but after a refused client secret: another attempt may have used the code up.
        """
        form = {"code": code, "redirect_uri": redirect_uri, "code_verifier": code_verifier}
        return self._tokens({"grant_type": "authorization_code", **form})

    def refresh(self, refresh_token: str) -> TokenSet:
        """New tokens for a refresh token; they carry the person's present attributes and groups.

        Raises SignInError, with `invalid_grant` once the token is revoked or over; CognitoUnavailableError.
        """
        return self._tokens({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def revoke(self, refresh_token: str) -> None:
        """End a refresh token and, at Cognito's own APIs, the access tokens that came of it. Twice does no harm.

        Raises SignInError where the client may not revoke, CognitoUnavailableError.
        """
        response = self._post(self._http, "/oauth2/revoke", {"token": refresh_token})
        if response.status != 200:
            raise self._refusal(response)

    def sign_out_everywhere(self, access_token: str) -> None:
        """Revoke all refresh tokens of the user, and at Cognito's own APIs the access tokens (GlobalSignOut).

        Raises SignInError with the code "sign_out_scope_required" if the access token lacks the scope
        `aws.cognito.signin.user.admin`, or "sign_out_refused" (expired, revoked); CognitoUnavailableError, with the
        code "too_many_requests" if Cognito throttles.
        """
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "AWSCognitoIdentityProviderService.GlobalSignOut",
        }
        body = json.dumps({"AccessToken": access_token}).encode()
        response = self._http.request("POST", f"{self.pool.endpoint_url}/", headers=headers, data=body)
        if response.status != 200:
            raise _global_sign_out_error(response, self.pool.endpoint_url)

    def user_info(self, access_token: str) -> Mapping[str, Any]:
        """What Cognito says now about the person of an access token with the scope `openid`.

        Compare its `sub` with the ID token's before using it. Truth values are the strings "true" and "false" here.

        Raises TokenError where the token is over, revoked or without that scope; CognitoUnavailableError.
        """
        if not _BEARER.fullmatch(access_token):
            raise MalformedTokenError("not a bearer token")
        headers = {"Authorization": f"Bearer {access_token}"}
        response = self._http.request("GET", f"{self.pool.domain}/oauth2/userInfo", headers=headers)
        if response.status in (400, 401):
            raise TokenError("userInfo refused the access token")
        if response.status != 200:
            raise self._unavailable(response)
        try:
            return decode_json_object(response.body)  # as a token's claims: what cannot be kept anywhere is in neither
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
        # %20 rather than "+" for a space: the hosted UI reads both, identity providers behind it may not.
        return f"{self.pool.domain}{path}?{urlencode(parameters, quote_via=quote)}"

    def _post(self, http: Http, path: str, form: Mapping[str, str]) -> Response:
        """Send a form as this app client, and once more if its secret was refused and has changed.

        Repeating is safe, also for a code or a refresh token that is good once: the server "MUST" authenticate the
        client before it uses either (RFC 6749 3.2.1, 4.1.3, 6), and `invalid_client` says that this failed (5.2).
        """
        secret = self._secret.read()
        response = self._post_once(http, path, form, secret)
        if not _is_client_refused(response):
            return response
        changed = self._secret.read_again(secret)
        return response if changed is None else self._post_once(http, path, form, changed)

    def _post_once(self, http: Http, path: str, form: Mapping[str, str], secret: str) -> Response:
        auth = (self.client_id, secret) if secret else None
        data = form if auth else {"client_id": self.client_id, **form}
        return http.request("POST", f"{self.pool.domain}{path}", data=data, auth=auth)

    def _tokens(self, form: Mapping[str, str]) -> TokenSet:
        response = self._post(self._token_http, "/oauth2/token", form)
        if response.status != 200:
            raise self._refusal(response)
        answer = _json_object(response)
        if answer is None:
            raise self._unavailable(response)
        return _token_set(answer)

    def _refusal(self, response: Response) -> CognitoError:
        """The error that an answer other than 200 means: Cognito's refusal, or that Cognito did not answer at all."""
        answer = _json_object(response)
        error = answer.get("error") if answer else None
        refused = 400 <= response.status < 500 and response.status != 429
        if not refused or not isinstance(error, str) or not _OAUTH_ERROR.fullmatch(error):
            return self._unavailable(response)
        code = error if error in _OAUTH_ERRORS else None
        return SignInError(f"the hosted UI refused: {error}", oauth_error=error, code=code)

    def _unavailable(self, response: Response) -> CognitoUnavailableError:
        return CognitoUnavailableError(f"{self.pool.domain} gave no usable answer (status {response.status})")


def _is_client_refused(response: Response) -> bool:
    """Return whether the endpoint refused the client itself: `invalid_client`, with 400 or 401 (RFC 6749 5.2)."""
    answer = _json_object(response) if response.status in (400, 401) else None
    return answer is not None and answer.get("error") == "invalid_client"


def _global_sign_out_error(response: Response, endpoint_url: str) -> CognitoError:
    """Return the error that an answer of the AWS API means, by its `__type`; a throttle comes with 400 too."""
    answer = _json_object(response) or {}
    kind = str(answer.get("__type", "")).rpartition("#")[2]
    if response.status == 429 or kind in _THROTTLES:
        return CognitoUnavailableError(f"{endpoint_url} throttles GlobalSignOut", code="too_many_requests")
    if response.status not in (400, 403) or not _AWS_ERROR.fullmatch(kind):
        return CognitoUnavailableError(f"{endpoint_url} gave no usable answer (status {response.status})")
    # AWS has no `__type` of its own for a missing scope: "Access Token does not have required scopes".
    is_about_scopes = kind == "NotAuthorizedException" and "scope" in str(answer.get("message", "")).lower()
    code = "sign_out_scope_required" if is_about_scopes else "sign_out_refused"
    return SignInError(f"Cognito refused GlobalSignOut: {kind}", code=code)


def _json_object(response: Response) -> dict[str, Any] | None:
    try:
        answer = response.json()
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _token_set(answer: Mapping[str, Any]) -> TokenSet:
    access_token, id_token = answer.get("access_token"), answer.get("id_token")
    if not isinstance(access_token, str) or not isinstance(id_token, str):
        raise SignInError("an answer without an access or an ID token: is the scope openid asked for?", code=_MALFORMED)
    # RFC 6749 5.1: the type's case does not matter.
    if str(answer.get("token_type")).lower() != "bearer":
        raise SignInError("an answer with tokens of an unknown type", code=_MALFORMED)
    refresh_token, expires_in = answer.get("refresh_token"), answer.get("expires_in")
    return TokenSet(
        access_token=access_token,
        id_token=id_token,
        refresh_token=refresh_token if isinstance(refresh_token, str) and refresh_token else None,
        expires_in=expires_in if type(expires_in) is int and expires_in > 0 else 0,
    )
