"""The pages of a sign-up: the new account, then the code that confirms it; then the redirect to the app.

`SignUps` checks the values.
"""

from dataclasses import dataclass

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from ..errors import ServiceError
from ..self_service.destinations import Destination
from ..self_service.sign_up import SignUpForm
from ..user_pool_service import UserPoolService
from .attempts import PASSWORDS_DIFFER, Attempts, SignInStopped
from .browser_sessions import PendingSignIn

# Attributes that are not text, or that browsers can fill in: the input's type and `autocomplete` (HTML 4.10.18.7).
_INPUTS = {
    "email": ("Email", "email", "email"),
    "phone_number": ("Phone number", "tel", "tel"),
    "name": ("Name", "text", "name"),
    "given_name": ("Given name", "text", "given-name"),
    "family_name": ("Family name", "text", "family-name"),
    "nickname": ("Nickname", "text", "nickname"),
    "birthdate": ("Birthdate", "date", "bday"),
    "website": ("Website", "url", "url"),
    "address": ("Address", "text", "street-address"),
}


@dataclass(frozen=True)
class Field:
    """One attribute in the sign-up form."""

    name: str
    label: str
    type: str
    autocomplete: str
    value: str


class SignUpPages:
    """The pages of a sign-up."""

    def __init__(self, service: UserPoolService, attempts: Attempts) -> None:
        self._service = service
        self._attempts = attempts

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the pages and their forms to `blueprint`."""
        blueprint.add_url_rule("/signup", view_func=self.show_sign_up)
        blueprint.add_url_rule("/signup", view_func=self.sign_up, methods=["POST"])
        blueprint.add_url_rule("/confirm", view_func=self.show_confirm)
        blueprint.add_url_rule("/confirm", view_func=self.confirm, methods=["POST"])
        blueprint.add_url_rule("/resendcode", view_func=self.resend, methods=["POST"])

    def show_sign_up(self) -> Response:
        """Return an empty form, or the error page if sign-up is disabled."""
        authorization_request = self._attempts.read_authorization_request(for_own_users=True)
        form = self._form(authorization_request.client.pool_id)
        return self._attempts.begin(
            "sign-up", authorization_request, **_shown(form), username=authorization_request.login_hint
        )

    def sign_up(self) -> AnyResponse:
        """Create the account and redirect to the form for the code, or return the same page with an error."""
        name, pending = self._attempts.submitted("sign-up")
        client, username = pending.request.client, request.form.get("username", "").strip()
        form = self._form(client.pool_id)
        attributes = {attribute: request.form.get(attribute, "").strip() for attribute in form.attributes}
        shown = {**_shown(form), "username": username}
        password = request.form.get("password", "")
        if password != request.form.get("confirm_password"):
            return self._attempts.refuse(name, pending, PASSWORDS_DIFFER, **shown)
        try:
            user, sent = self._service.sign_ups.register(client, username, password, attributes)
        except ServiceError as refused:
            # The username field contains the only username attribute: it is no other input.
            invalid = {field if field in (*form.attributes, "password") else "username" for field in refused.fields}
            return self._attempts.refuse(name, pending, refused, **shown, invalid=invalid)
        return self._attempts.move(name, step="confirm", username=username, sub=user.sub, notice=_sent(sent))

    def show_confirm(self) -> Response:
        """Return the form for the code."""
        return self._attempts.page(*self._attempts.shown("confirm"))

    def confirm(self) -> AnyResponse:
        """Confirm the account and redirect to the app, or return the same page with an error."""
        name, pending = self._attempts.submitted("confirm")
        code = "".join(request.form.get("code", "").split())
        try:
            user = self._service.sign_ups.confirm(pending.request.client, self._username(pending), code)
        except ServiceError as refused:
            return self._attempts.refuse(name, pending, refused)
        return self._attempts.go_on(name, pending, user)

    def resend(self) -> AnyResponse:
        """Send another code and show the same page."""
        name, pending = self._attempts.submitted("confirm")
        try:
            sent = self._service.sign_ups.resend(pending.request.client, self._username(pending))
        except ServiceError as refused:
            return self._attempts.refuse(name, pending, refused)
        return self._attempts.move(name, notice=_sent(sent))

    def _username(self, pending: PendingSignIn) -> str:
        """Return the immutable username: an alias may belong to another user by now."""
        return self._attempts.user(pending).username

    def _form(self, pool_id: str) -> SignUpForm:
        form = self._service.sign_ups.form(pool_id)
        if not form.is_open:
            raise SignInStopped("sign_up_closed")
        return form


def _shown(form: SignUpForm) -> dict[str, object]:
    fields = []
    for name in form.attributes:
        other_input = (name.removeprefix("custom:").replace("_", " ").capitalize(), "text", "off")
        label, kind, autocomplete = _INPUTS.get(name, other_input)
        fields.append(Field(name, label, kind, autocomplete, request.form.get(name, "")))
    return {"form": form, "fields": fields}


def _sent(destination: Destination | None) -> str:
    if destination is None:
        return "Your account has been created. An administrator must confirm it before you can sign in."
    return f"A code has been sent to {destination.masked}."
