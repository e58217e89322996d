"""Pending sign-ins of the hosted UI: start, show, continue and finish. Checks no credentials.

Every accepted form ends with a redirect, so that a reload does not submit it again. A form is only valid in the browser
and for the step for which it was shown.
"""

from dataclasses import replace
from typing import Any

from flask import Response, current_app, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from ..accounts.assurance import PASSWORD, PASSWORD_AND_TOTP
from ..accounts.users import User
from ..errors import ServiceError
from ..user_pool_service import UserPoolService
from .authorization_request import AuthorizationRequest, RejectedRequest, UnusableRequest, read_request
from .browser_cookies import browser_of_request, new_browser, remember_browser, remember_session
from .browser_sessions import RESET_SECONDS, BrowserSession, BrowserSessions, PendingSignIn, Step, sessions_of
from .explanations import Explanation
from .page import error_page, render_page, same_query

# The template and the path of each step.
_TEMPLATES: dict[Step, str] = {
    "password": "login.html",
    "new-password": "new_password.html",
    "totp": "totp.html",
    "sign-up": "sign_up.html",
    "confirm": "confirm.html",
    "forgot": "forgot_password.html",
    "reset": "reset_password.html",
}
_PATHS: dict[Step, str] = {
    "password": "/login",
    "new-password": "/login/new-password",
    "totp": "/login/totp",
    "sign-up": "/signup",
    "confirm": "/confirm",
    "forgot": "/forgotPassword",
    "reset": "/confirmforgotPassword",
}


_NO_OWN_USERS = Explanation(
    "This page is for users of the user pool, and the request is for an identity provider.",
    "Open it without identity_provider, and with an app client that has COGNITO in its identity_providers.",
)


PASSWORDS_DIFFER = ServiceError("", "The two passwords are not the same.", fields=["confirm_password"])


class SignInStopped(Exception):  # noqa: N818 - not a programming error: the response is a page
    """The pending sign-in cannot continue; `code` selects the error page."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Attempts:
    """The pending sign-ins of one local Cognito. The parameter `attempt` is the name of one."""

    def __init__(self, service: UserPoolService) -> None:
        self._service = service

    def read_authorization_request(self, *, for_own_users: bool = False) -> AuthorizationRequest:
        """Return the authorization request in the page's URL. `for_own_users`: the page needs users of the pool itself.

        Raises UnusableRequest or RejectedRequest.
        """
        authorization_request = read_request(request.args, self._service.client)
        if "none" in authorization_request.prompts:
            raise authorization_request.rejected("login_required")
        if for_own_users and not authorization_request.takes_password:
            raise authorization_request.rejected("invalid_request", _NO_OWN_USERS)
        return authorization_request

    def begin(self, step: Step, authorization_request: AuthorizationRequest, **shown: Any) -> Response:
        """Start a sign-in and return its first page."""
        pending = PendingSignIn(authorization_request, browser_of_request() or new_browser(), step=step)
        response = self.page(self._sessions.pending.put(pending), pending, **shown)
        remember_browser(response, pending.browser)
        return response

    def refuse(self, name: str, pending: PendingSignIn, refused: ServiceError, **shown: Any) -> Response:
        """Return the page of the sign-in's current step with the error; only fields with wrong values are marked."""
        return self.page(name, pending, **{"notice": "", "error": refused.message, "invalid": refused.fields, **shown})

    def page(self, name: str, pending: PendingSignIn, **shown: Any) -> Response:
        """Return the page of the sign-in's current step."""
        authorization_request = pending.request
        context = {
            "username": pending.username,
            "notice": pending.notice,
            "client": authorization_request.client,
            "form": self._service.sign_ups.form(authorization_request.client.pool_id),
            "invalid": frozenset(),
            **shown,
        }
        return render_page(
            _TEMPLATES[pending.step],
            leads_to=authorization_request.redirect_uri,
            attempt=name,
            csrf_token=pending.csrf_token,
            action=same_query(_PATHS[pending.step]),
            links={**{step: same_query(path) for step, path in _PATHS.items()}, "resend": same_query("/resendcode")},
            **context,
        )

    def shown(self, step: Step) -> tuple[str, PendingSignIn]:
        """Return the name and the sign-in of a GET request. Raises SignInStopped unless it is at this step."""
        name = request.args.get("attempt", "")
        pending = self._sessions.pending.get(name)
        if pending is None or pending.step != step or pending.browser != browser_of_request():
            raise SignInStopped("login_ended")
        return name, pending

    def submitted(self, step: Step) -> tuple[str, PendingSignIn]:
        """Return the name and the sign-in of the submitted form. Raises SignInStopped."""
        name, csrf_token = request.form.get("attempt", ""), request.form.get("_csrf", "")
        if not name or not csrf_token or not browser_of_request():
            raise SignInStopped("forged_form")
        pending = self._sessions.pending.get(name)
        if pending is None:
            raise SignInStopped("login_ended")
        if not pending.is_of(browser_of_request(), csrf_token):
            raise SignInStopped("forged_form")
        if pending.step != step:
            raise SignInStopped("login_ended")
        return name, pending

    def user(self, pending: PendingSignIn) -> User:
        """Return the current data of the sign-in's user.

        Raises SignInStopped if the account was deleted or disabled.
        """
        user = self._service.find_user_by_sub(pending.request.client.pool_id, pending.sub)
        if user is None or not user.enabled:
            raise SignInStopped("login_ended")
        return user

    def move(self, name: str, **changes: Any) -> AnyResponse:
        """Change the pending sign-in and redirect to the page of its step."""
        moved = self._sessions.pending.change(name, lambda pending: replace(pending, **changes))
        if moved is None:
            raise SignInStopped("login_ended")
        return redirect(same_query(_PATHS[moved.step], attempt=name))

    def start_over(self, name: str, pending: PendingSignIn, **details: Any) -> AnyResponse:
        """End the sign-in and redirect to a page of a new one for the same authorization request."""
        self._sessions.pending.take(name)
        return redirect(self.aside(pending, **details))

    def aside(self, pending: PendingSignIn, **changes: Any) -> str:
        """Return the URL of another page for the same authorization request and browser. The sign-in stays pending."""
        other = PendingSignIn(pending.request, pending.browser, **changes)
        lifetime_seconds = RESET_SECONDS if other.step == "reset" else None
        return same_query(
            _PATHS[other.step], attempt=self._sessions.pending.put(other, lifetime_seconds=lifetime_seconds)
        )

    def count_wrong_code(self, name: str, most: int) -> None:
        """Count a wrong code. The last of `most` ends the sign-in: raises SignInStopped."""
        counted = self._sessions.pending.change(name, lambda now: replace(now, wrong_codes=now.wrong_codes + 1))
        if counted is None or counted.wrong_codes >= most:
            self._sessions.pending.take(name)
            raise SignInStopped("too_many_codes")

    def go_on(self, name: str, pending: PendingSignIn, user: User) -> AnyResponse:
        """Redirect to the next step, or to the app if no step remains."""
        next_step: Step | None = None
        if pending.step == "password" and user.must_change_password:  # before the code, as in Cognito's challenges
            next_step = "new-password"
        elif user.has_totp and pending.step != "totp":
            next_step = "totp"
        if next_step:
            return self.move(name, step=next_step, sub=user.sub, username=pending.username, notice="")
        if self._sessions.pending.take(name) is None:
            raise SignInStopped("login_ended")
        assurance = PASSWORD_AND_TOTP if pending.step == "totp" else PASSWORD
        pool_id, auth_time = pending.request.client.pool_id, int(self._service.now())
        session = BrowserSession(pool_id, user.sub, auth_time, assurance)
        return redirect_to_app(self._service, self._sessions, pending.request, session)

    def show_stopped(self, stopped: SignInStopped) -> Response:
        """Return the error page of a stopped sign-in, with a link to a new one if the URL has a valid request."""
        try:
            read_request(request.args, self._service.client)
        except (UnusableRequest, RejectedRequest):
            return error_page(stopped.code)
        return error_page(stopped.code, restart=same_query("/oauth2/authorize"))

    @property
    def _sessions(self) -> BrowserSessions:
        return sessions_of(current_app, self._service.now)


def redirect_to_app(
    service: UserPoolService,
    sessions: BrowserSessions,
    authorization_request: AuthorizationRequest,
    session: BrowserSession,
) -> AnyResponse:
    """Redirect to the app with a code, or with an error if the assurance level is too low.

    Stores the browser session.
    """
    if session.assurance.level < service.required_level(authorization_request.client, authorization_request.acr_values):
        description = "The user cannot reach the requested authentication context class"
        response = redirect(authorization_request.answer(error="access_denied", error_description=description))
    else:
        response = redirect(authorization_request.answer(code=sessions.new_code(authorization_request, session)))
    remember_session(response, session.pool_id, sessions.signed_in.put(session))
    return response
