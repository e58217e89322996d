"""The error page of a failed sign-in, and its way to start the sign-in again. Must not depend on how a sign-in is run.

Whatever starts again repeats the page of the hosted UI, `next` and the authorization request parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import get_script_prefix, reverse
from django.utils.http import urlencode

from ..core.errors import CognitoError, TokenError
from ..web.error_catalogue import RetryMode
from ..web.pool_selection import find_settings_for_request
from ..web.responses import error_response_for
from ..web.security_headers import set_security_headers
from .failures import describe_failure
from .state import PendingSignIn


@dataclass(frozen=True, slots=True)
class Restart:
    """What the next attempt of a sign-in repeats. `links_to` is the primary key of the user who links an account."""

    page: str = "login"
    next_url: str = ""
    authorize_params: Mapping[str, str] = field(default_factory=dict)
    links_to: str = ""
    is_remembered: bool = False

    @classmethod
    def of(cls, pending: PendingSignIn) -> Self:
        """Return what a new attempt of `pending` repeats."""
        return cls(pending.page, pending.next_url, pending.authorize_params, pending.links_to, pending.is_remembered)

    def params_for(self, retry_mode: RetryMode) -> dict[str, str]:
        """Return the authorization request parameters of the next attempt.

        Without `prompt=login` Cognito would reuse its own session without a page. Another account has another name than
        that of `login_hint`.
        """
        needs_password = retry_mode in (RetryMode.REAUTHENTICATE, RetryMode.SWITCH_ACCOUNT)
        params = {**({"prompt": "login"} if needs_password else {}), **self.authorize_params}
        if needs_password:
            params["prompt"] = "login"
        if retry_mode is RetryMode.SWITCH_ACCOUNT:
            params.pop("login_hint", None)
        return params

    def url_for(self, retry_mode: RetryMode) -> str:
        """Return the URL of the next attempt; empty if a retry cannot succeed."""
        if retry_mode is RetryMode.NONE:
            return ""
        choice = {"remember": "1"} if self.is_remembered else {}
        query = ({"next": self.next_url} if self.next_url else {}) | self.params_for(retry_mode) | choice
        return reverse(f"cognito:{self.page}") + (f"?{urlencode(query)}" if query else "")


def render_failure(request: HttpRequest, error: CognitoError, restart: Restart | None = None) -> HttpResponse:
    """Return the error page. Its texts are those of the catalogue; with DEBUG it also shows the error's message.

    A link starts again by a form: a link to another account needs a new POST request.
    """
    restart = restart or Restart()
    cause, answer = describe_failure(error), error_response_for(error)
    params, is_link = restart.params_for(cause.retry_mode), _starts_link(request, error, restart)
    context: dict[str, Any] = {
        "code": error.code,
        "sentence": cause.sentence,
        "remedy": cause.remedy,
        "next": restart.next_url,
        "authorize_params": params,
        "again": "" if is_link else restart.url_for(cause.retry_mode),
        "link_fields": {**params, "next": restart.next_url} if is_link else {},
        "as_another": cause.retry_mode is RetryMode.SWITCH_ACCOUNT,
        "as_before": cause.retry_mode is RetryMode.START_AGAIN,
        "home": get_script_prefix(),
        "debug_message": f"{error}{f' ({cause.hint})' if cause.hint else ''}" if django_settings.DEBUG else "",
    }
    # Not 401 for a page: it requires a WWW-Authenticate challenge, which a browser cannot answer.
    status = 403 if isinstance(error, TokenError) else answer.status
    response = render(request, "django_cognito/login_failed.html", context, status=status)
    if "Retry-After" in answer.headers:
        response["Retry-After"] = answer.headers["Retry-After"]
    # "no-referrer" would make browsers post the form with "Origin: null", which the CSRF check rejects.
    policy = "strict-origin" if is_link else "no-referrer"
    return set_security_headers(response, find_settings_for_request(request), referrer_policy=policy)


def _starts_link(request: HttpRequest, error: CognitoError, restart: Restart) -> bool:
    """Return whether the next attempt links an account: the user who started the link must still be signed in.

    Not for a state without its cookie, which another browser may have started, and not for an account of another user,
    whose remedy is to sign in with it.
    """
    if not restart.links_to or error.code in ("state_unknown", "linked_elsewhere"):
        return False
    return bool(request.user.is_authenticated) and str(request.user.pk) == restart.links_to
