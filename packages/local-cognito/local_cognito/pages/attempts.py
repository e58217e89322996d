"""Sign-ins under way, as every form page needs them: begun, shown, gone on with, finished. Judges nobody.

Each page is left by a redirect, so that reloading sends nothing twice; a form counts only in the browser, and for the
step, that it was shown for.
"""

from dataclasses import replace
from typing import Any

from flask import Response, current_app, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from ..accounts.assurance import PASSWORD, PASSWORD_AND_TOTP
from ..accounts.people import Person
from ..user_pool_service import Authority
from .authorization_request import AuthorizationRequest, RejectedRequest, UnusableRequest, read_request
from .browser_cookies import browser_of_request, new_browser, remember_browser, remember_session
from .browser_sessions import RESET_SECONDS, BrowserSession, BrowserSessions, PendingSignIn, Step, sessions_of
from .page import error_page, page, same_query

# Each step's page and its address.
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


class SignInStopped(Exception):  # noqa: N818 - not an error of ours: the answer is a page
    """The sign-in under way cannot go on; `code` names the error page."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Attempts:
    """The sign-ins under way of one local Cognito, each under the name that its forms carry."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def asked(self, *, of_own_people: bool = False) -> AuthorizationRequest:
        """What the app asks for, by the address of the page, which may be for people of the pool itself alone.

        Raises UnusableRequest or RejectedRequest.
        """
        asked = read_request(request.args, self._authority.client)
        if "none" in asked.prompts:
            raise asked.rejected("login_required")
        if of_own_people and not asked.takes_password:
            raise asked.rejected("invalid_request")
        return asked

    def begin(self, step: Step, asked: AuthorizationRequest, **shown: Any) -> Response:
        """The first page of a new sign-in."""
        pending = PendingSignIn(asked, browser_of_request() or new_browser(), step=step)
        response = self.page(self._sessions.pending.put(pending), pending, **shown)
        remember_browser(response, pending.browser)
        return response

    def page(self, name: str, pending: PendingSignIn, **shown: Any) -> Response:
        """The page of the step that the sign-in is at."""
        asked = pending.request
        context = {"username": pending.username, "notice": pending.notice, "client": asked.client, **shown}
        return page(
            _TEMPLATES[pending.step],
            leads_to=asked.redirect_uri,
            attempt=name,
            csrf_token=pending.csrf_token,
            action=same_query(_PATHS[pending.step]),
            links={**{step: same_query(path) for step, path in _PATHS.items()}, "resend": same_query("/resendcode")},
            **context,
        )

    def shown(self, step: Step) -> tuple[str, PendingSignIn]:
        """The sign-in whose page is asked for, and its name. Raises SignInStopped unless it is at that step."""
        name = request.args.get("attempt", "")
        pending = self._sessions.pending.get(name)
        if pending is None or pending.step != step or pending.browser != browser_of_request():
            raise SignInStopped("login_ended")
        return name, pending

    def submitted(self, step: Step) -> tuple[str, PendingSignIn]:
        """The sign-in that the form just sent belongs to, and its name. Raises SignInStopped."""
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

    def person(self, pending: PendingSignIn) -> Person:
        """Whose sign-in it is, as they are now: the account may have been changed since. Raises SignInStopped."""
        person = self._authority.person(pending.request.client.pool_id, pending.sub)
        if person is None or not person.enabled:
            raise SignInStopped("login_ended")
        return person

    def move(self, name: str, **changes: Any) -> AnyResponse:
        """On to the page of another step, or to the same one with other words."""
        moved = self._sessions.pending.change(name, lambda pending: replace(pending, **changes))
        if moved is None:
            raise SignInStopped("login_ended")
        return redirect(same_query(_PATHS[moved.step], attempt=name))

    def start_over(self, name: str, pending: PendingSignIn, **details: Any) -> AnyResponse:
        """On to a page of a new sign-in for the same request; the one before is over."""
        self._sessions.pending.take(name)
        return redirect(self.aside(pending, **details))

    def aside(self, pending: PendingSignIn, **changes: Any) -> str:
        """The address of another page for the same request and browser; the sign-in stays where it is as well."""
        other = PendingSignIn(pending.request, pending.browser, **changes)
        keep_seconds = RESET_SECONDS if other.step == "reset" else None
        return same_query(_PATHS[other.step], attempt=self._sessions.pending.put(other, keep_seconds=keep_seconds))

    def count_wrong_code(self, name: str, most: int) -> None:
        """One wrong code more; the last one of `most` ends the sign-in. Raises SignInStopped."""
        counted = self._sessions.pending.change(name, lambda now: replace(now, wrong_codes=now.wrong_codes + 1))
        if counted is None or counted.wrong_codes >= most:
            self._sessions.pending.take(name)
            raise SignInStopped("too_many_codes")

    def go_on(self, name: str, pending: PendingSignIn, person: Person) -> AnyResponse:
        """On to what is left to do, or back to the app."""
        step = _step_after(pending.step, person)
        if step is None:
            return self._finish(name, pending, person)
        return self.move(name, step=step, sub=person.sub, username=pending.username, notice="")

    def show_stopped(self, stopped: SignInStopped) -> Response:
        """The page for a sign-in that cannot go on, with the way to a new one where the address still tells it."""
        try:
            read_request(request.args, self._authority.client)
        except (UnusableRequest, RejectedRequest):
            return error_page(stopped.code)
        return error_page(stopped.code, restart=same_query("/oauth2/authorize"))

    @property
    def _sessions(self) -> BrowserSessions:
        return sessions_of(current_app, self._authority.now)

    def _finish(self, name: str, pending: PendingSignIn, person: Person) -> AnyResponse:
        """Back to the app with a code; the browser counts as signed in to the pool from now on."""
        if self._sessions.pending.take(name) is None:
            raise SignInStopped("login_ended")
        assurance = PASSWORD_AND_TOTP if pending.step == "totp" else PASSWORD
        pool_id, auth_time = pending.request.client.pool_id, int(self._authority.now())
        session = BrowserSession(pool_id, person.sub, auth_time, assurance)
        return finished(self._authority, self._sessions, pending.request, session)


def finished(
    authority: Authority, sessions: BrowserSessions, asked: AuthorizationRequest, session: BrowserSession
) -> AnyResponse:
    """Back to the app with a code, or with a no where it asks for more than the person can prove; signed in anyway."""
    if session.assurance.level < authority.least_level(asked.client, asked.acr_values):
        told = "The user cannot reach the requested authentication context class"
        response = redirect(asked.answer(error="access_denied", error_description=told))
    else:
        response = redirect(asked.answer(code=sessions.new_code(asked, session)))
    remember_session(response, session.pool_id, sessions.signed_in.put(session))
    return response


def _step_after(step: Step, person: Person) -> Step | None:
    """What is left to do, if anything. A new password comes before the code, as in Cognito's challenges."""
    if step == "password" and person.must_change_password:
        return "new-password"
    return "totp" if person.has_totp and step != "totp" else None
