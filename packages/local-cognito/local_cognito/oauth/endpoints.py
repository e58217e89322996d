"""The endpoints that apps call without a browser: token, userInfo, revoke; and each pool's two public documents.

Source: AWS developer guide, "User pool endpoints and managed login reference"; RFC 6749 4.1.3, 5 and 6; RFC 7009.
"""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from ..accounts.clients import AppClient
from ..pages.browser_sessions import sessions_of
from ..refusals import Refused
from ..request_id import add_request_id
from ..user_pool_service import Authority
from ..web_origins import allow_origin
from .client_authentication import authenticated_client
from .errors import OAuthError
from .well_known import add_well_known

# AWS developer guide, "userInfo endpoint": these sentences, with no scheme before them.
_BAD_REQUEST = ("invalid_request", "Bad OAuth2 request at UserInfo Endpoint")
_BAD_TOKEN = (
    "invalid_token",
    "Access token is expired, disabled, or deleted, or the user has globally signed out.",
)


def endpoints(authority: Authority) -> Blueprint:
    """The apps' side of `authority`; to be registered on the Flask app that its pages are on."""
    oauth = _Endpoints(authority)
    blueprint = Blueprint("oauth", __name__)
    blueprint.add_url_rule("/oauth2/token", view_func=oauth.token, methods=["POST"])
    blueprint.add_url_rule("/oauth2/userInfo", view_func=oauth.user_info, methods=["GET", "POST"])
    blueprint.add_url_rule("/oauth2/revoke", view_func=oauth.revoke, methods=["POST"])
    blueprint.register_error_handler(OAuthError, _answer_error)
    blueprint.after_request(_finish)
    add_well_known(blueprint, authority)
    return blueprint


class _Endpoints:
    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._grants = {
            "authorization_code": self._redeem_code,
            "refresh_token": self._refresh,
            "client_credentials": self._for_itself,
        }

    def token(self) -> Response:
        """Tokens for a code, for a refresh token, or for the client itself."""
        form = _form("grant_type")
        client = authenticated_client(form, self._authority.client)
        grant = self._grants.get(form["grant_type"])
        if grant is None:
            raise OAuthError("unsupported_grant_type")
        try:
            return jsonify(grant(client, form))
        except Refused as refused:
            raise OAuthError("invalid_grant") from refused

    def user_info(self) -> Response:
        """What the pool says of the person behind an access token."""
        credentials = request.authorization
        if credentials is None or credentials.type != "bearer" or not credentials.token:
            return _challenge(400, *_BAD_REQUEST)
        try:
            return jsonify(self._authority.user_info(credentials.token))
        except Refused:
            return _challenge(401, *_BAD_TOKEN)

    def revoke(self) -> Response:
        """Nothing; the refresh token and all that came of it are ended."""
        form = _form("token")
        client = authenticated_client(form, self._authority.client)
        try:
            self._authority.revoke(client, form["token"])
        except Refused as refused:
            raise OAuthError(refused.code) from refused
        return Response(status=200)

    def _redeem_code(self, client: AppClient, form: Mapping[str, str]) -> dict[str, Any]:
        if "code" not in client.flows:
            raise OAuthError("unauthorized_client")
        if not form.get("code") or not form.get("redirect_uri"):
            raise OAuthError("invalid_request")
        # Taken before it is judged: a code that the wrong one has shown is worth nothing to the right one either.
        code = sessions_of(current_app, self._authority.now).codes.take(form["code"])
        if code is None or not code.is_redeemable(client.id, form["redirect_uri"], form.get("code_verifier")):
            raise OAuthError("invalid_grant")
        person = self._authority.person(code.session.pool_id, code.session.sub)
        if person is None:
            raise OAuthError("invalid_grant")
        asked = code.request
        return self._authority.issue(
            client,
            person,
            scopes=asked.scopes,
            # AWS developer guide: for a federated sign-in Cognito makes a nonce where the app has sent none.
            nonce=asked.nonce or code.session.nonce or None,
            resource=asked.resource,
            auth_time=code.session.auth_time,
            assurance=code.session.assurance if asked.acr_values else None,
        )

    def _refresh(self, client: AppClient, form: Mapping[str, str]) -> dict[str, Any]:
        if not form.get("refresh_token"):
            raise OAuthError("invalid_request")
        return self._authority.refresh(client, form["refresh_token"])

    def _for_itself(self, client: AppClient, form: Mapping[str, str]) -> dict[str, Any]:
        # A client without a secret has proved nothing.
        if "client_credentials" not in client.flows or client.secret is None:
            raise OAuthError("unauthorized_client")
        asked = form.get("scope", "").split()
        # AWS developer guide, "Token endpoint": scopes that are not the client's are passed over; none asked means all.
        scopes = [scope for scope in client.scopes if "/" in scope and (not asked or scope in asked)]
        if not scopes:
            raise OAuthError("invalid_scope")
        return self._authority.issue_to_client(client, scopes)


def _form(required: str) -> Mapping[str, str]:
    """The fields of the body: each stands once (RFC 6749 3.2), and `required` is not empty."""
    if any(len(values) > 1 for values in request.form.listvalues()) or not request.form.get(required):
        raise OAuthError("invalid_request")
    return request.form


def _challenge(status: int, error: str, description: str) -> Response:
    response = jsonify(error=error, error_description=description)
    response.status_code = status
    response.headers["WWW-Authenticate"] = f'error="{error}", error_description="{description}"'
    return response


def _answer_error(error: OAuthError) -> Response:
    return error.answer(request.path)


def _finish(response: Response) -> Response:
    """What the answers of the domain's endpoints have in common; the pools' documents stay as they are."""
    if not request.path.startswith("/oauth2/"):
        return response
    # AWS developer guide: any origin, on these three endpoints alone. Here it is any loopback origin.
    allow_origin(response)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        wanted = request.headers.get("Access-Control-Request-Headers", "")
        response.headers["Access-Control-Allow-Headers"] = wanted or "Authorization, Content-Type"
    return add_request_id(response)
