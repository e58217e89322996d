"""The endpoints that apps call without a browser: token, userInfo and revoke; and the public documents of each pool.

Source: AWS developer guide, "User pool endpoints and managed login reference"; RFC 6749 4.1.3, 5 and 6; RFC 7009.
"""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from ..accounts.clients import AppClient
from ..errors import ServiceError
from ..pages.browser_sessions import sessions_of
from ..pages.explanations import Explanation, explain_flow, explain_names, shorten_value
from ..pages.rejections import Rejections
from ..request_id import add_request_id
from ..user_pool_service import UserPoolService
from ..web_origins import allow_origin
from .client_authentication import authenticated_client
from .errors import OAuthError
from .well_known import add_well_known

# AWS developer guide, "userInfo endpoint": these descriptions, without an authentication scheme before them.
_BAD_REQUEST = ("invalid_request", "Bad OAuth2 request at UserInfo Endpoint")
_BAD_TOKEN = (
    "invalid_token",
    "Access token is expired, disabled, or deleted, or the user has globally signed out.",
)


def oauth_blueprint(service: UserPoolService, rejections: Rejections) -> Blueprint:
    """Return the OAuth endpoints of `service`. Register them on the same Flask app as the hosted UI."""
    oauth = _Endpoints(service)

    def reject(error: OAuthError) -> Response:
        rejections.add(request.path, error.error, error.explanation)
        return error.answer(request.path)

    blueprint = Blueprint("oauth", __name__)
    blueprint.add_url_rule("/oauth2/token", view_func=oauth.token, methods=["POST"])
    blueprint.add_url_rule("/oauth2/userInfo", view_func=oauth.user_info, methods=["GET", "POST"])
    blueprint.add_url_rule("/oauth2/revoke", view_func=oauth.revoke, methods=["POST"])
    blueprint.register_error_handler(OAuthError, reject)
    blueprint.after_request(_add_headers)
    add_well_known(blueprint, service)
    return blueprint


class _Endpoints:
    def __init__(self, service: UserPoolService) -> None:
        self._service = service
        self._grants = {
            "authorization_code": self._redeem_code,
            "refresh_token": self._refresh,
            "client_credentials": self._issue_to_client,
        }

    def token(self) -> Response:
        """Return tokens for an authorization code, a refresh token or client credentials."""
        form = _form("grant_type")
        client = authenticated_client(form, self._service)
        grant = self._grants.get(form["grant_type"])
        if grant is None:
            problem = f"grant_type {shorten_value(form['grant_type'])} is not supported."
            raise OAuthError("unsupported_grant_type", Explanation(problem, f"Send one of: {', '.join(self._grants)}."))
        try:
            return jsonify(grant(client, form))
        except ServiceError as refused:
            problem = f"The grant was rejected: {refused.message or refused.code}"
            raise OAuthError("invalid_grant", Explanation(problem, "Sign in again.")) from refused

    def user_info(self) -> Response:
        """Return the claims of the user of an access token."""
        credentials = request.authorization
        if credentials is None or credentials.type != "bearer" or not credentials.token:
            return _challenge(400, *_BAD_REQUEST)
        try:
            return jsonify(self._service.user_info(credentials.token))
        except ServiceError:
            return _challenge(401, *_BAD_TOKEN)

    def revoke(self) -> Response:
        """Revoke the refresh token and all tokens of its grant."""
        form = _form("token")
        client = authenticated_client(form, self._service)
        try:
            self._service.revoke(client, form["token"])
        except ServiceError as refused:
            raise OAuthError(refused.code, Explanation(f"{refused.message}.")) from refused
        return Response(status=200)

    def _redeem_code(self, client: AppClient, form: Mapping[str, str]) -> dict[str, Any]:
        """Return the tokens of the authorization code grant (RFC 6749 4.1.3). Raises OAuthError."""
        if "code" not in client.flows:
            raise OAuthError("unauthorized_client", explain_flow("code", client))
        _require_fields(form, "code", "redirect_uri")
        # The code is removed before it is checked: after a rejected request it is no longer valid for any client.
        code = sessions_of(current_app, self._service.now).codes.take(form["code"])
        if code is None:
            problem = "The code is unknown, has expired (after 5 minutes) or was redeemed already."
            raise OAuthError("invalid_grant", Explanation(problem, "Redeem each code once, at once."))
        if mismatch := code.explain_mismatch(client.id, form["redirect_uri"], form.get("code_verifier")):
            raise OAuthError("invalid_grant", mismatch)
        user = self._service.find_user_by_sub(code.session.pool_id, code.session.sub)
        if user is None:
            raise OAuthError("invalid_grant", Explanation("The user of the code was deleted."))
        authorization_request = code.request
        return self._service.issue(
            client,
            user,
            scopes=authorization_request.scopes,
            # AWS developer guide: for a federated sign-in, Cognito generates a nonce if the app sent none.
            nonce=authorization_request.nonce or code.session.nonce or None,
            resource=authorization_request.resource,
            auth_time=code.session.auth_time,
            assurance=code.session.assurance if authorization_request.acr_values else None,
        )

    def _refresh(self, client: AppClient, form: Mapping[str, str]) -> dict[str, Any]:
        """Return the tokens of the refresh token grant (RFC 6749 6). Raises OAuthError or ServiceError."""
        _require_fields(form, "refresh_token")
        return self._service.refresh(client, form["refresh_token"])

    def _issue_to_client(self, client: AppClient, form: Mapping[str, str]) -> dict[str, Any]:
        """Return the access token of the client credentials grant (RFC 6749 4.4). Raises OAuthError."""
        # RFC 6749 4.4: confidential clients only. A client without a secret is not authenticated.
        if "client_credentials" not in client.flows or client.secret is None:
            raise OAuthError("unauthorized_client", explain_flow("client_credentials", client))
        requested_scopes = form.get("scope", "").split()
        # AWS developer guide, "Token endpoint": other scopes than the client's are ignored; no `scope` means all.
        scopes = [
            scope for scope in client.scopes if "/" in scope and (not requested_scopes or scope in requested_scopes)
        ]
        if not scopes:
            allowed = tuple(scope for scope in client.scopes if "/" in scope)
            raise OAuthError("invalid_scope", explain_names("scope", requested_scopes, "scopes", client, allowed))
        return self._service.issue_to_client(client, scopes)


def _form(required: str) -> Mapping[str, str]:
    """Return the fields of the body: each only once (RFC 6749 3.2), and `required` not empty. Raises OAuthError."""
    repeated = [name for name, values in request.form.lists() if len(values) > 1]
    if repeated:
        problem = f"The field {shorten_value(repeated[0])} is repeated."
        raise OAuthError("invalid_request", Explanation(problem, "Send each field once."))
    _require_fields(request.form, required)
    return request.form


def _require_fields(form: Mapping[str, str], *names: str) -> None:
    """Raise OAuthError unless all fields have a value."""
    for name in names:
        if not form.get(name):
            remedy = "Send it in a body of the type application/x-www-form-urlencoded."
            raise OAuthError("invalid_request", Explanation(f"The field {name} is missing.", remedy))


def _challenge(status: int, error: str, description: str) -> Response:
    response = jsonify(error=error, error_description=description)
    response.status_code = status
    response.headers["WWW-Authenticate"] = f'error="{error}", error_description="{description}"'
    return response


def _add_headers(response: Response) -> Response:
    """Add the headers of the domain's endpoints. The documents of the pools are returned unchanged."""
    if not request.path.startswith("/oauth2/"):
        return response
    # AWS developer guide: these three endpoints allow any origin. The local Cognito allows any loopback origin.
    allow_origin(response)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        wanted = request.headers.get("Access-Control-Request-Headers", "")
        response.headers["Access-Control-Allow-Headers"] = wanted or "Authorization, Content-Type"
    return add_request_id(response)
