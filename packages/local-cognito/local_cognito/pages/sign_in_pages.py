"""The forms of a sign-in: password, new password, code of an authenticator app; then back to the app.

Judges no password and no code itself: the authority does.
"""

from dataclasses import replace

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from ..refusals import Refused
from ..user_pool_service import Authority
from .attempts import Attempts
from .authorization_request import AuthorizationRequest
from .browser_sessions import PendingSignIn, Step
from .page import same_query

# AWS developer guide, "Adding MFA": after five wrong codes in a row the person is held up.
_WRONG_CODES_MAX = 5
_WRONG_CREDENTIALS = "Incorrect username or password."


class SignInPages:
    """The pages of `authority`'s sign-in."""

    def __init__(self, authority: Authority, attempts: Attempts) -> None:
        self._authority = authority
        self._attempts = attempts

    def add_to(self, blueprint: Blueprint) -> None:
        """Give `blueprint` the pages and their forms."""
        blueprint.add_url_rule("/login", view_func=self.show_login)
        blueprint.add_url_rule("/login", view_func=self.check_password, methods=["POST"])
        blueprint.add_url_rule("/login/<any('new-password', totp):step>", view_func=self.show_step)
        blueprint.add_url_rule("/login/new-password", view_func=self.change_password, methods=["POST"])
        blueprint.add_url_rule("/login/totp", view_func=self.check_code, methods=["POST"])

    def show_login(self) -> AnyResponse:
        """A new sign-in's first page, or that of one that another page has led back to."""
        asked = self._attempts.asked()
        if asked.provider:
            return redirect(same_query("/oauth2/authorize"))
        if "attempt" in request.args:
            name, pending = self._attempts.shown("password")
            return self._login(name, pending)
        return self._attempts.begin("password", asked, username=asked.login_hint, **self._ways(asked))

    def check_password(self) -> AnyResponse:
        """On to the next step, or the same page with what was wrong."""
        name, pending = self._attempts.submitted("password")
        username = request.form.get("username", "").strip()
        client = pending.request.client
        try:
            person = self._authority.check_password(client, username, request.form.get("password", ""))
        except Refused as refused:
            ways = {}
            if refused.code == "UserNotConfirmedException":  # said only to who has the right password
                sub = self._authority.find_person(client, username).sub
                ways["confirm"] = self._attempts.aside(pending, step="confirm", username=username, sub=sub)
            return self._login(name, pending, username=username, error=_sentence(refused), **ways)
        return self._attempts.go_on(name, replace(pending, username=username), person)

    def show_step(self, step: Step) -> Response:
        """The page of a later step."""
        return self._attempts.page(*self._attempts.shown(step))

    def change_password(self) -> AnyResponse:
        """On to the next step with a password of the person's own, or the same page with what was wrong."""
        name, pending = self._attempts.submitted("new-password")
        person = self._attempts.person(pending)
        password = request.form.get("new_password", "")
        if password != request.form.get("confirm_password"):
            return self._attempts.page(name, pending, error="The two passwords are not the same.")
        try:
            self._authority.set_password(person, password)
        except Refused as refused:
            return self._attempts.page(name, pending, error=refused.message)
        return self._attempts.go_on(name, pending, self._attempts.person(pending))

    def check_code(self) -> AnyResponse:
        """Back to the app, or the same page with what was wrong."""
        name, pending = self._attempts.submitted("totp")
        person = self._attempts.person(pending)
        try:
            self._authority.check_totp(person, "".join(request.form.get("code", "").split()))
        except Refused as refused:
            self._attempts.count_wrong_code(name, _WRONG_CODES_MAX)
            return self._attempts.page(name, pending, error=refused.message)
        return self._attempts.go_on(name, pending, person)

    def _login(self, name: str, pending: PendingSignIn, **shown: str) -> Response:
        return self._attempts.page(name, pending, **self._ways(pending.request), **shown)

    def _ways(self, asked: AuthorizationRequest) -> dict[str, object]:
        """The ways in that the login page shows."""
        address = "/oauth2/authorize"
        names = [provider.name for provider in asked.providers]
        return {
            "form": self._authority.sign_ups.form(asked.client.pool_id),
            "takes_password": asked.takes_password,
            "providers": [(name, same_query(address, identity_provider=name)) for name in names],
        }


def _sentence(refused: Refused) -> str:
    """What the page says: AWS's sentence, except that it never tells which usernames exist."""
    return _WRONG_CREDENTIALS if refused.code == "UserNotFoundException" else refused.message
