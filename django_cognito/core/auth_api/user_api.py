"""Refresh and revoke tokens, and read their user, by the user-pool API, which every pool has without a hosted UI.

The requests need no AWS credentials and are not signed. Must not depend on sessions; does not verify tokens.
Source: the service model of cognito-idp, GetTokensFromRefreshToken, RevokeToken, GlobalSignOut and GetUser.
"""

import json
import logging
from collections.abc import Mapping

from ..client_secret import ClientSecret
from ..error_responses import describe_client, describe_response, read_object
from ..errors import CognitoUnavailableError, SignInError
from ..http.client import Http, Response
from ..token_endpoints import TokenSet, build_token_set
from ..user_pool import UserPool
from .api_errors import ApiError

_log = logging.getLogger(__name__)
_SERVICE = "AWSCognitoIdentityProviderService"


class UserPoolApi:
    """The user-pool API of `pool` for one app client: confidential with a `client_secret`, public without.

    Each method makes one request. If Cognito refuses a secret that a `ClientSecret` can read again, the request is
    repeated once with the new secret. `token_http` makes the requests for tokens, which wait for the pool's triggers;
    by default `http` makes them too.
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
        self.pool = pool
        self.client_id = client_id
        self._secret = client_secret if isinstance(client_secret, ClientSecret) else ClientSecret(client_secret)
        self._http = http or Http(insecure_hosts=pool.insecure_hosts)
        self._token_http = token_http or self._http

    def __repr__(self) -> str:
        return f"<UserPoolApi {self.pool.user_pool_id} client={self.client_id}>"

    def until(self, ends_at: float) -> "UserPoolApi":
        """Return an object whose requests share a deadline: `ends_at` on the clock `time.monotonic`."""
        http, token_http = self._http.until(ends_at), self._token_http.until(ends_at)
        return UserPoolApi(self.pool, self.client_id, self._secret, http=http, token_http=token_http)

    def refresh(self, refresh_token: str, *, device_key: str = "") -> TokenSet:
        """Return new tokens for a refresh token; they have the user's current attributes and groups.

        A pool that tracks devices requires the `device_key` of the sign-in.

        Raises SignInError, with the `oauth_error` "invalid_grant" and one of the codes `invalid_grant` (the token has
        expired or was revoked), `refresh_token_reused`, `user_disabled_in_cognito` and `user_not_found_in_cognito`;
        CognitoUnavailableError.
        """
        members = {"RefreshToken": refresh_token, **({"DeviceKey": device_key} if device_key else {})}
        response = self._call(self._token_http, "GetTokensFromRefreshToken", members)
        result = (read_object(response) or {}).get("AuthenticationResult")
        if not isinstance(result, dict):
            raise CognitoUnavailableError(f"{self.pool.endpoint_url} returned no usable response")
        return build_token_set(
            access_token=result.get("AccessToken"),
            id_token=result.get("IdToken"),
            refresh_token=result.get("RefreshToken"),
            token_type=result.get("TokenType"),
            expires_in=result.get("ExpiresIn"),
        )

    def revoke(self, refresh_token: str) -> None:
        """Revoke a refresh token and, for Cognito's own APIs, its access tokens. Idempotent.

        Raises SignInError, with the code "revocation_disabled" if the app client's token revocation is off;
        CognitoUnavailableError.
        """
        self._call(self._http, "RevokeToken", {"Token": refresh_token})

    def sign_out_everywhere(self, access_token: str) -> None:
        """Revoke all refresh tokens of the user, and at Cognito's own APIs the access tokens (GlobalSignOut).

        Raises SignInError with the code "sign_out_scope_required" if the access token lacks the scope
        `aws.cognito.signin.user.admin`, or "sign_out_refused" (expired, revoked); CognitoUnavailableError, with the
        code "too_many_requests" if Cognito throttles.
        """
        response = self._send(self._http, "GlobalSignOut", {"AccessToken": access_token})
        if response.status == 200:
            return
        error = ApiError.read("GlobalSignOut", response)
        if unavailability := error.unavailability:
            raise unavailability
        # AWS has no `__type` of its own for a missing scope: "Access Token does not have required scopes".
        is_about_scopes = error.name == "NotAuthorizedException" and "scope" in error.message.lower()
        code = "sign_out_scope_required" if is_about_scopes else "sign_out_refused"
        raise SignInError(f"Cognito refused GlobalSignOut: {error.name}", code=code)

    def get_user(self, access_token: str) -> Mapping[str, str]:
        """Return the attributes of the user of an access token, `sub` among them: Cognito accepts the token now.

        The token needs the scope `aws.cognito.signin.user.admin`.

        Raises RevokedTokenError; TokenError with the code "user_disabled_in_cognito" or "user_not_found_in_cognito";
        CognitoUnavailableError for every other response.
        """
        response = self._send(self._http, "GetUser", {"AccessToken": access_token})
        if response.status != 200:
            raise ApiError.read("GetUser", response).to_token_error()
        rows = (read_object(response) or {}).get("UserAttributes")
        items = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        pairs = [(row.get("Name"), row.get("Value")) for row in items]
        attributes = {name: value for name, value in pairs if isinstance(name, str) and isinstance(value, str)}
        if not attributes.get("sub"):
            raise CognitoUnavailableError(f"{self.pool.endpoint_url} returned no usable response")
        return attributes

    def _call(self, http: Http, operation: str, members: Mapping[str, str]) -> Response:
        """Call an operation as this app client, and a second time if its secret was refused and has changed.

        Repeating is safe, also for a refresh token for a single use: Cognito authenticates the client first.
        """
        secret = self._secret.read()
        response = self._call_once(http, operation, members, secret)
        if response.status != 200 and ApiError.read(operation, response).is_about_secret:
            changed = self._secret.read_again(secret)
            if changed is not None:
                response = self._call_once(http, operation, members, changed)
        if response.status != 200:
            raise ApiError.read(operation, response).to_error(describe_client(self.client_id, self._secret.read()))
        return response

    def _call_once(self, http: Http, operation: str, members: Mapping[str, str], secret: str) -> Response:
        client = {"ClientId": self.client_id, **({"ClientSecret": secret} if secret else {})}
        return self._send(http, operation, {**client, **members})

    def _send(self, http: Http, operation: str, members: Mapping[str, str]) -> Response:
        """Return the response of an operation in AWS JSON 1.1, with any status. Log the words of an error."""
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{_SERVICE}.{operation}"}
        body = json.dumps(members).encode()
        response = http.request("POST", f"{self.pool.endpoint_url}/", headers=headers, data=body)
        if response.status != 200:
            _log.warning("Cognito returned an error at %s: %s", operation, describe_response(response))
        return response
