"""The pages of a sign-in: password, new password, authenticator code; then the redirect to the app.

`UserPoolService` checks passwords and codes.
"""

from dataclasses import replace

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from ..errors import ServiceError, bad_credentials
from ..user_pool_service import UserPoolService
from .attempts import PASSWORDS_DIFFER, Attempts
from .authorization_request import AuthorizationRequest
from .browser_sessions import Step
from .page import same_query

# AWS developer guide, "Adding MFA": after five wrong codes in a row, the user must wait.
_WRONG_CODES_MAX = 5


class SignInPages:
    """The pages of a sign-in."""

    def __init__(self, service: UserPoolService, attempts: Attempts) -> None:
        self._service = service
        self._attempts = attempts

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the pages and their forms to `blueprint`."""
        blueprint.add_url_rule("/login", view_func=self.show_login)
        blueprint.add_url_rule("/login", view_func=self.check_password, methods=["POST"])
        blueprint.add_url_rule("/login/<any('new-password', totp):step>", view_func=self.show_step)
        blueprint.add_url_rule("/login/new-password", view_func=self.change_password, methods=["POST"])
        blueprint.add_url_rule("/login/totp", view_func=self.check_code, methods=["POST"])

    def show_login(self) -> AnyResponse:
        """Return the login page of a new sign-in, or of the one in the parameter `attempt`."""
        authorization_request = self._attempts.read_authorization_request()
        if authorization_request.provider:
            return redirect(same_query("/oauth2/authorize"))
        if "attempt" in request.args:
            name, pending = self._attempts.shown("password")
            return self._attempts.page(name, pending, **self._sign_in_methods(pending.request))
        return self._attempts.begin(
            "password",
            authorization_request,
            username=authorization_request.login_hint,
            **self._sign_in_methods(authorization_request),
        )

    def check_password(self) -> AnyResponse:
        """Check the password. Redirect to the next step, or return the same page with an error."""
        name, pending = self._attempts.submitted("password")
        username = request.form.get("username", "").strip()
        client = pending.request.client
        try:
            user = self._service.check_password(client, username, request.form.get("password", ""))
        except ServiceError as refused:
            # AWS's error, except that it must not reveal which usernames exist.
            error = bad_credentials() if refused.code == "UserNotFoundException" else refused
            links = {}
            if refused.code == "UserNotConfirmedException":  # only shown after the correct password
                sub = self._service.get_user(client, username).sub
                links["confirm"] = self._attempts.aside(pending, step="confirm", username=username, sub=sub)
            methods = self._sign_in_methods(pending.request)
            return self._attempts.refuse(name, pending, error, username=username, **methods, **links)
        return self._attempts.go_on(name, replace(pending, username=username), user)

    def show_step(self, step: Step) -> Response:
        """Return the page of a later step."""
        return self._attempts.page(*self._attempts.shown(step))

    def change_password(self) -> AnyResponse:
        """Set the permanent password. Redirect to the next step, or return the same page with an error."""
        name, pending = self._attempts.submitted("new-password")
        user = self._attempts.user(pending)
        password = request.form.get("new_password", "")
        if password != request.form.get("confirm_password"):
            return self._attempts.refuse(name, pending, PASSWORDS_DIFFER)
        try:
            self._service.set_password(user, password)
        except ServiceError as refused:
            return self._attempts.refuse(name, pending, refused)
        return self._attempts.go_on(name, pending, self._attempts.user(pending))

    def check_code(self) -> AnyResponse:
        """Check the authenticator code. Redirect to the app, or return the same page with an error."""
        name, pending = self._attempts.submitted("totp")
        user = self._attempts.user(pending)
        try:
            self._service.check_totp(user, "".join(request.form.get("code", "").split()))
        except ServiceError as refused:
            self._attempts.count_wrong_code(name, _WRONG_CODES_MAX)
            return self._attempts.refuse(name, pending, refused)
        return self._attempts.go_on(name, pending, user)

    def _sign_in_methods(self, authorization_request: AuthorizationRequest) -> dict[str, object]:
        """Return the template variables for the sign-in methods of the login page."""
        names = [provider.name for provider in authorization_request.providers]
        return {
            "takes_password": authorization_request.takes_password,
            "providers": [(name, same_query("/oauth2/authorize", identity_provider=name)) for name in names],
        }
