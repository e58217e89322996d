"""The forms of a sign-up: the new account, then the code that confirms it; then back to the app, signed in.

Judges nothing itself: the authority does.
"""

from dataclasses import dataclass

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from ..refusals import Refused
from ..self_service.destinations import Destination
from ..self_service.sign_up import SignUpForm
from ..user_pool_service import Authority
from .attempts import Attempts, SignInStopped
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
    """One attribute as the form asks for it."""

    name: str
    label: str
    type: str
    autocomplete: str
    value: str


class SignUpPages:
    """The pages of `authority`'s sign-up."""

    def __init__(self, authority: Authority, attempts: Attempts) -> None:
        self._authority = authority
        self._attempts = attempts

    def add_to(self, blueprint: Blueprint) -> None:
        """Give `blueprint` the pages and their forms."""
        blueprint.add_url_rule("/signup", view_func=self.show_sign_up)
        blueprint.add_url_rule("/signup", view_func=self.sign_up, methods=["POST"])
        blueprint.add_url_rule("/confirm", view_func=self.show_confirm)
        blueprint.add_url_rule("/confirm", view_func=self.confirm, methods=["POST"])
        blueprint.add_url_rule("/resendcode", view_func=self.resend, methods=["POST"])

    def show_sign_up(self) -> Response:
        """An empty form, or the page that says why there is none."""
        asked = self._attempts.asked(of_own_people=True)
        form = self._form(asked.client.pool_id)
        return self._attempts.begin("sign-up", asked, **_shown(form), username=asked.login_hint)

    def sign_up(self) -> AnyResponse:
        """On to the code with a new account, or the same page with what was wrong."""
        name, pending = self._attempts.submitted("sign-up")
        client, username = pending.request.client, request.form.get("username", "").strip()
        form = self._form(client.pool_id)
        attributes = {each: request.form.get(each, "").strip() for each in form.attributes}
        shown = {**_shown(form), "username": username}
        password = request.form.get("password", "")
        if password != request.form.get("confirm_password"):
            return self._attempts.page(name, pending, **shown, error="The two passwords are not the same.")
        try:
            person, sent = self._authority.sign_ups.register(client, username, password, attributes)
        except Refused as refused:
            return self._attempts.page(name, pending, **shown, error=refused.message)
        return self._attempts.move(name, step="confirm", username=username, sub=person.sub, notice=_sent(sent))

    def show_confirm(self) -> Response:
        """Where the code is entered."""
        return self._attempts.page(*self._attempts.shown("confirm"))

    def confirm(self) -> AnyResponse:
        """Back to the app, signed in, or the same page with what was wrong."""
        name, pending = self._attempts.submitted("confirm")
        code = "".join(request.form.get("code", "").split())
        try:
            person = self._authority.sign_ups.confirm(pending.request.client, self._username(pending), code)
        except Refused as refused:
            return self._attempts.page(name, pending, notice="", error=refused.message)
        return self._attempts.go_on(name, pending, person)

    def resend(self) -> AnyResponse:
        """The same page, once another code is on its way."""
        name, pending = self._attempts.submitted("confirm")
        try:
            sent = self._authority.sign_ups.resend(pending.request.client, self._username(pending))
        except Refused as refused:
            return self._attempts.page(name, pending, notice="", error=refused.message)
        return self._attempts.move(name, notice=_sent(sent))

    def _username(self, pending: PendingSignIn) -> str:
        """The name that never changes: an alias may be somebody else's by now."""
        return self._attempts.person(pending).username

    def _form(self, pool_id: str) -> SignUpForm:
        form = self._authority.sign_ups.form(pool_id)
        if not form.is_open:
            raise SignInStopped("sign_up_closed")
        return form


def _shown(form: SignUpForm) -> dict[str, object]:
    return {"form": form, "fields": [_field(name) for name in form.attributes]}


def _field(name: str) -> Field:
    label, kind, autocomplete = _INPUTS.get(name, (name.removeprefix("custom:").replace("_", " ").capitalize(), "", ""))
    return Field(name, label, kind or "text", autocomplete or "off", request.form.get(name, ""))


def _sent(destination: Destination | None) -> str:
    if destination is None:
        return "Your account has been made. An administrator has to confirm it before you can sign in."
    return f"A code has been sent to {destination.masked}."
