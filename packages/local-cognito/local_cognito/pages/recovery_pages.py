"""The pages of a forgotten password: username, then code and new password; then back to the login page.

They do not reveal which usernames exist, whatever the client's setting is: anyone can open them.
"""

from dataclasses import replace

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from ..accounts.clients import AppClient
from ..errors import ServiceError
from ..user_pool_service import UserPoolService
from .attempts import PASSWORDS_DIFFER, Attempts

_SENT = "If the account exists, a code has been sent to its verified email address or phone number."
_CHANGED = "Your password has been changed. You can sign in with it now."


class RecoveryPages:
    """The pages of a forgotten password."""

    def __init__(self, service: UserPoolService, attempts: Attempts) -> None:
        self._service = service
        self._attempts = attempts

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the pages and their forms to `blueprint`."""
        blueprint.add_url_rule("/forgotPassword", view_func=self.show_forgot)
        blueprint.add_url_rule("/forgotPassword", view_func=self.send, methods=["POST"])
        blueprint.add_url_rule("/confirmforgotPassword", view_func=self.show_reset)
        blueprint.add_url_rule("/confirmforgotPassword", view_func=self.reset, methods=["POST"])

    def show_forgot(self) -> Response:
        """Return the form for the username."""
        authorization_request = self._attempts.read_authorization_request(for_own_users=True)
        return self._attempts.begin("forgot", authorization_request, username=authorization_request.login_hint)

    def send(self) -> AnyResponse:
        """Redirect to the form for the code, for any username. Only too many attempts are rejected."""
        name, pending = self._attempts.submitted("forgot")
        username = request.form.get("username", "").strip()
        try:
            self._service.recovery.request(_discreet(pending.request.client), username)
        except ServiceError as refused:
            return self._attempts.refuse(name, pending, refused, username=username)
        return self._attempts.start_over(name, pending, step="reset", username=username, notice=_SENT)

    def show_reset(self) -> Response:
        """Return the form for the code and the new password."""
        return self._attempts.page(*self._attempts.shown("reset"))

    def reset(self) -> AnyResponse:
        """Set the new password and redirect to the login page, or return the same page with an error."""
        name, pending = self._attempts.submitted("reset")
        password = request.form.get("new_password", "")
        if password != request.form.get("confirm_password"):
            return self._attempts.refuse(name, pending, PASSWORDS_DIFFER)
        code = "".join(request.form.get("code", "").split())
        try:
            self._service.recovery.reset(_discreet(pending.request.client), pending.username, code, password)
        except ServiceError as refused:
            return self._attempts.refuse(name, pending, refused)
        return self._attempts.start_over(name, pending, step="password", username=pending.username, notice=_CHANGED)


def _discreet(client: AppClient) -> AppClient:
    return replace(client, hides_unknown_users=True)
