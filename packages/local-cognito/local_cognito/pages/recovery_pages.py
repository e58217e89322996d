"""The forms of a forgotten password: who it is, then the code and the new password; then back to the login page.

They never tell which usernames exist, whatever the client says: anybody can open them.
"""

from dataclasses import replace

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from ..accounts.clients import AppClient
from ..refusals import Refused
from ..user_pool_service import Authority
from .attempts import Attempts
from .browser_sessions import PendingSignIn

_SENT = "If there is such an account, a code has been sent to the address that it was verified with."
_CHANGED = "Your password has been changed. You can sign in with it now."


class RecoveryPages:
    """The pages of `authority`'s forgotten passwords."""

    def __init__(self, authority: Authority, attempts: Attempts) -> None:
        self._authority = authority
        self._attempts = attempts

    def add_to(self, blueprint: Blueprint) -> None:
        """Give `blueprint` the pages and their forms."""
        blueprint.add_url_rule("/forgotPassword", view_func=self.show_forgot)
        blueprint.add_url_rule("/forgotPassword", view_func=self.send, methods=["POST"])
        blueprint.add_url_rule("/confirmforgotPassword", view_func=self.show_reset)
        blueprint.add_url_rule("/confirmforgotPassword", view_func=self.reset, methods=["POST"])

    def show_forgot(self) -> Response:
        """Where people say who they are."""
        asked = self._attempts.asked(of_own_people=True)
        form = self._authority.sign_ups.form(asked.client.pool_id)
        return self._attempts.begin("forgot", asked, form=form, username=asked.login_hint)

    def send(self) -> AnyResponse:
        """On to the code, whoever it is; only too many of them are refused."""
        name, pending = self._attempts.submitted("forgot")
        username = request.form.get("username", "").strip()
        try:
            self._authority.recovery.request(_discreet(pending.request.client), username)
        except Refused as refused:
            form = self._authority.sign_ups.form(pending.request.client.pool_id)
            return self._attempts.page(name, pending, form=form, username=username, error=refused.message)
        return self._attempts.start_over(name, pending, step="reset", username=username, notice=_SENT)

    def show_reset(self) -> Response:
        """Where the code and the new password are entered."""
        return self._page(*self._attempts.shown("reset"))

    def reset(self) -> AnyResponse:
        """To the login page with a new password, or the same page with what was wrong."""
        name, pending = self._attempts.submitted("reset")
        password = request.form.get("new_password", "")
        if password != request.form.get("confirm_password"):
            return self._page(name, pending, error="The two passwords are not the same.")
        code = "".join(request.form.get("code", "").split())
        try:
            self._authority.recovery.reset(_discreet(pending.request.client), pending.username, code, password)
        except Refused as refused:
            return self._page(name, pending, error=refused.message)
        return self._attempts.start_over(name, pending, step="password", username=pending.username, notice=_CHANGED)

    def _page(self, name: str, pending: PendingSignIn, error: str = "") -> Response:
        form = self._authority.sign_ups.form(pending.request.client.pool_id)
        shown = {"error": error, "notice": ""} if error else {}
        return self._attempts.page(name, pending, form=form, **shown)


def _discreet(client: AppClient) -> AppClient:
    return replace(client, hides_unknown_people=True)
