"""The authorize, logout and error endpoints of the hosted UI; the forms are in the other modules.

Source: AWS developer guide, "User pool endpoints and managed login reference".
"""

from contextlib import closing
from typing import Any, cast

from flask import Blueprint, Response, abort, current_app, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from ..errors import ServiceError
from ..request_id import add_request_id
from ..user_pool_service import UserPoolService
from .attempts import Attempts, SignInStopped
from .authorization_request import AuthorizationRequest, RejectedRequest, UnusableRequest, read_request
from .browser_cookies import forget_session, session_of_request
from .browser_sessions import BrowserSession, BrowserSessions, sessions_of
from .explanations import Explanation, explain_logout_uri, explain_unknown_client
from .federation_pages import FederationPages
from .index_page import SeedPasswords, add_index
from .mailbox_page import add_mailbox
from .page import error_page, same_query, set_security_headers
from .recovery_pages import RecoveryPages
from .rejections import Rejections
from .sign_in_pages import SignInPages
from .sign_up_pages import SignUpPages


def hosted_ui_blueprint(service: UserPoolService, rejections: Rejections, seed_passwords: SeedPasswords) -> Blueprint:
    """Return the hosted UI of `service`. Register it on the same Flask app as the token endpoint."""

    def show_unusable(error: UnusableRequest) -> Response:
        explanation = error.explanation or explain_unknown_client(request.args["client_id"], service.clients())
        rejections.add(request.path, error.code, explanation)
        return error_page(error.code, explanation=explanation)

    def redirect_rejected(error: RejectedRequest) -> AnyResponse:
        if error.explanation:
            rejections.add(request.path, error.code, error.explanation)
        return redirect(error.url)

    federation = FederationPages(service)
    ui = _HostedUi(service, federation)
    blueprint = Blueprint(
        "hosted_ui", __name__, template_folder="templates", static_folder="static", static_url_path="/login/static"
    )
    blueprint.add_url_rule("/oauth2/authorize", view_func=ui.authorize)
    blueprint.add_url_rule("/logout", view_func=ui.logout)
    blueprint.add_url_rule("/error", view_func=lambda: error_page(request.args.get("error", "")), endpoint="error")
    blueprint.add_url_rule("/oauth2/token", view_func=_show_token_endpoint, provide_automatic_options=False)
    attempts = Attempts(service)
    for forms in (SignInPages, SignUpPages, RecoveryPages):
        forms(service, attempts).add_to(blueprint)
    federation.add_to(blueprint)
    add_mailbox(blueprint, service.mailbox)
    add_index(blueprint, service, rejections, seed_passwords)
    blueprint.register_error_handler(SignInStopped, attempts.show_stopped)
    blueprint.register_error_handler(UnusableRequest, show_unusable)
    blueprint.register_error_handler(RejectedRequest, redirect_rejected)
    blueprint.after_request(read_file)
    blueprint.after_request(set_security_headers)
    blueprint.after_request(add_request_id)
    return blueprint


def read_file(response: Response) -> Response:
    """Read the static file of a response now: it would stay open if the browser drops the connection."""
    if response.direct_passthrough:
        with closing(cast("Any", response.response)):  # a FileWrapper of werkzeug
            response.direct_passthrough = False
            response.set_data(response.get_data())
    return response


def _show_token_endpoint() -> Response:
    """Return an error page to a browser that opens the token endpoint, and the error of the API to a program."""
    if "text/html" not in request.headers.get("Accept", ""):
        abort(405)
    remedy = "The app must send the code, its client_id and redirect_uri in the body of a POST request."
    return error_page("post_only", explanation=Explanation("A browser opened it with GET.", remedy))


class _HostedUi:
    def __init__(self, service: UserPoolService, federation: FederationPages) -> None:
        self._service = service
        self._federation = federation

    @property
    def _sessions(self) -> BrowserSessions:
        return sessions_of(current_app, self._service.now)

    def authorize(self) -> AnyResponse:
        """Redirect to the app with a code if the browser has a sufficient session, otherwise to the login page."""
        authorization_request = read_request(request.args, self._service.client)
        session = self._find_session(authorization_request)
        if session is not None:
            return redirect(authorization_request.answer(code=self._sessions.new_code(authorization_request, session)))
        if "none" in authorization_request.prompts:
            raise authorization_request.rejected("login_required")
        if authorization_request.provider:
            return self._federation.redirect_to_provider(authorization_request, authorization_request.provider)
        return redirect(same_query("/login"))

    def logout(self) -> AnyResponse:
        """End the browser's session with the client's pool and redirect to the sign-out URL."""
        client_id = request.args.get("client_id", "")
        client = self._service.client(client_id)
        if client is None:
            raise UnusableRequest("invalid_client", explain_unknown_client(client_id, self._service.clients()))
        logout_uri = request.args.get("logout_uri")
        if logout_uri is None:
            read_request(request.args, self._service.client)
        elif logout_uri not in client.logout_urls:
            raise UnusableRequest("logout_mismatch", explain_logout_uri(logout_uri, client))
        response = redirect(same_query("/login") if logout_uri is None else logout_uri)
        self._sessions.signed_in.take(session_of_request(client.pool_id))
        forget_session(response, client.pool_id)
        return response

    def _find_session(self, authorization_request: AuthorizationRequest) -> BrowserSession | None:
        """Return the browser's session with the pool.

        None if it does not satisfy the authorization request, or if its user may no longer sign in.
        """
        pool_id = authorization_request.client.pool_id
        session = self._sessions.signed_in.get(session_of_request(pool_id))
        if session is None or session.pool_id != pool_id:
            return None
        now, provider = self._service.now(), session.provider
        is_accepted = authorization_request.accepts_sign_in(auth_time=session.auth_time, now=now, provider=provider)
        is_enough = session.assurance.level >= self._service.required_level(
            authorization_request.client, authorization_request.acr_values
        )
        if not is_accepted or not is_enough:
            return None
        user = self._service.find_user_by_sub(session.pool_id, session.sub)
        if user is None:
            return None
        try:
            self._service.require_able_to_sign_in(user)
        except ServiceError:
            return None
        return session
