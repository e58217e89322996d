"""The forms of a sign-in under way: password, new password, code of an authenticator app; then back to the app.

Judges no password and no code itself: the authority does. Each page is left by a redirect, so that reloading sends
nothing twice; a form counts only in the browser, and for the step, that it was shown for.
"""

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, current_app, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from ..accounts.authority import Authority
from ..accounts.people import Person
from ..refusals import Refused
from .authorization_request import RejectedRequest, UnusableRequest, read_request
from .browser_cookies import browser_of_request, new_browser, remember_browser, remember_session
from .browser_sessions import BrowserSession, BrowserSessions, PendingSignIn, Step, sessions_of
from .page import error_page, page, same_query

# AWS developer guide, "Adding MFA": after five wrong codes in a row the person is held up.
_WRONG_CODES_MAX = 5
_WRONG_CREDENTIALS = "Incorrect username or password."
_TEMPLATES: dict[Step, str] = {"password": "login.html", "new-password": "new_password.html", "totp": "totp.html"}


class _SignInStopped(Exception):  # noqa: N818 - not an error of ours: the answer is a page
    """The sign-in under way cannot go on; `code` names the error page."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SignInPages:
    """The pages of `authority`'s sign-in."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def add_to(self, blueprint: Blueprint) -> None:
        """Give `blueprint` the pages, their forms and the answer to a sign-in that cannot go on."""
        blueprint.add_url_rule("/login", view_func=self.show_login)
        blueprint.add_url_rule("/login", view_func=self.check_password, methods=["POST"])
        blueprint.add_url_rule("/login/<any('new-password', totp):step>", view_func=self.show_step)
        blueprint.add_url_rule("/login/new-password", view_func=self.change_password, methods=["POST"])
        blueprint.add_url_rule("/login/totp", view_func=self.check_code, methods=["POST"])
        blueprint.register_error_handler(_SignInStopped, self.show_stopped)

    def show_login(self) -> Response:
        """A new sign-in's first page."""
        asked = read_request(request.args, self._authority.client)
        if "none" in asked.prompts:
            raise asked.rejected("login_required")
        pending = PendingSignIn(asked, browser_of_request() or new_browser())
        response = _page(self._sessions.pending.put(pending), pending, username=asked.login_hint)
        remember_browser(response, pending.browser)
        return response

    def check_password(self) -> AnyResponse:
        """On to the next step, or the same page with what was wrong."""
        name, pending = self._submitted("password")
        username = request.form.get("username", "").strip()
        try:
            person = self._authority.check_password(pending.request.client, username, request.form.get("password", ""))
        except Refused as refused:
            return _page(name, pending, username=username, error=_sentence(refused))
        return self._go_on(name, replace(pending, username=username), person)

    def show_step(self, step: Step) -> Response:
        """The page of a later step."""
        name = request.args.get("attempt", "")
        pending = self._sessions.pending.get(name)
        if pending is None or pending.step != step or pending.browser != browser_of_request():
            raise _SignInStopped("login_ended")
        return _page(name, pending)

    def change_password(self) -> AnyResponse:
        """On to the next step with a password of the person's own, or the same page with what was wrong."""
        name, pending = self._submitted("new-password")
        person = self._person(pending)
        password = request.form.get("new_password", "")
        if password != request.form.get("confirm_password"):
            return _page(name, pending, error="The two passwords are not the same.")
        try:
            self._authority.set_password(person, password)
        except Refused as refused:
            return _page(name, pending, error=refused.message)
        return self._go_on(name, pending, self._person(pending))

    def check_code(self) -> AnyResponse:
        """Back to the app, or the same page with what was wrong."""
        name, pending = self._submitted("totp")
        person = self._person(pending)
        try:
            self._authority.check_totp(person, "".join(request.form.get("code", "").split()))
        except Refused as refused:
            self._count_wrong_code(name, pending)
            return _page(name, pending, error=refused.message)
        return self._go_on(name, pending, person)

    def show_stopped(self, stopped: _SignInStopped) -> Response:
        """The page for a sign-in that cannot go on, with the way to a new one where the address still tells it."""
        try:
            read_request(request.args, self._authority.client)
        except (UnusableRequest, RejectedRequest):
            return error_page(stopped.code)
        return error_page(stopped.code, restart=same_query("/oauth2/authorize"))

    @property
    def _sessions(self) -> BrowserSessions:
        return sessions_of(current_app, self._authority.now)

    def _submitted(self, step: Step) -> tuple[str, PendingSignIn]:
        """The sign-in that the form just sent belongs to, and its name."""
        name, csrf_token = request.form.get("attempt", ""), request.form.get("_csrf", "")
        if not name or not csrf_token or not browser_of_request():
            raise _SignInStopped("forged_form")
        pending = self._sessions.pending.get(name)
        if pending is None:
            raise _SignInStopped("login_ended")
        if not pending.is_of(browser_of_request(), csrf_token):
            raise _SignInStopped("forged_form")
        if pending.step != step:
            raise _SignInStopped("login_ended")
        return name, pending

    def _person(self, pending: PendingSignIn) -> Person:
        """Whose sign-in it is, as they are now: the account may have been changed since the password was given."""
        person = self._authority.person(pending.request.client.pool_id, pending.sub)
        if person is None or not person.enabled:
            raise _SignInStopped("login_ended")
        return person

    def _count_wrong_code(self, name: str, pending: PendingSignIn) -> None:
        counted = self._sessions.pending.change(name, lambda now: replace(now, wrong_codes=now.wrong_codes + 1))
        if counted is None or counted.wrong_codes >= _WRONG_CODES_MAX:
            self._sessions.pending.take(name)
            raise _SignInStopped("too_many_codes")

    def _go_on(self, name: str, pending: PendingSignIn, person: Person) -> AnyResponse:
        step = _step_after(pending.step, person)
        if step is None:
            return self._finish(name, pending, person)
        self._sessions.pending.change(name, lambda _: replace(pending, step=step, sub=person.sub))
        return redirect(f"/login/{step}?attempt={name}")

    def _finish(self, name: str, pending: PendingSignIn, person: Person) -> AnyResponse:
        """Back to the app with a code; the browser counts as signed in to the pool from now on."""
        if self._sessions.pending.take(name) is None:
            raise _SignInStopped("login_ended")
        asked = pending.request
        session = BrowserSession(asked.client.pool_id, person.sub, auth_time=int(self._authority.now()))
        response = redirect(asked.answer(code=self._sessions.new_code(asked, session)))
        remember_session(response, session.pool_id, self._sessions.signed_in.put(session))
        return response


def _step_after(step: Step, person: Person) -> Step | None:
    """What is left to do, if anything. A new password comes before the code, as in Cognito's challenges."""
    if step == "password" and person.must_change_password:
        return "new-password"
    return "totp" if person.has_totp and step != "totp" else None


def _sentence(refused: Refused) -> str:
    """What the page says: AWS's sentence, except that it never tells which usernames exist."""
    return _WRONG_CREDENTIALS if refused.code == "UserNotFoundException" else refused.message


def _page(name: str, pending: PendingSignIn, **context: Any) -> Response:
    """The page of the step that `pending` is at."""
    asked = pending.request
    shown = {"username": pending.username, "client": asked.client, "action": _action(pending.step), **context}
    return page(
        _TEMPLATES[pending.step], leads_to=asked.redirect_uri, attempt=name, csrf_token=pending.csrf_token, **shown
    )


def _action(step: Step) -> str:
    """Where the form goes. The first one keeps the app's request in its address, to start again with."""
    return same_query("/login") if step == "password" else f"/login/{step}"
