"""The response to an error that the middleware handles: a page if a browser navigates, otherwise JSON.

The page must not read the request's user, its session or the database: the user is what could not be loaded. The
context processors of the site do not run for it, as they may read the user.
"""

import logging
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import get_script_prefix
from django.utils.http import escape_leading_slashes

from ..core.errors import CognitoUnavailableError, CredentialsError
from .bearer import is_api_client
from .error_catalogue import CATALOGUE, CONTACT, REFUSED_CREDENTIALS, UNAVAILABLE
from .next_url import is_script
from .request import RequestCognito
from .request_user import set_user
from .responses import ErrorResponse, error_response_for, json_response
from .security_headers import set_security_headers

_Error = CognitoUnavailableError | CredentialsError
_log = logging.getLogger(__name__)


def respond_to_error(request: HttpRequest, error: _Error, *, is_view_called: bool = True) -> HttpResponse:
    """Return the response to `error`: 503, or 403. No I/O, except that of the site's templates.

    If the view was not called, the page of a form states that nothing was saved.
    """
    answer = error_response_for(error)
    if not _shows_page(request):
        return json_response(answer)
    try:
        return _render_page(request, error, answer, is_view_called=is_view_called)
    except CognitoUnavailableError:
        # A template of the site reads the user in another way than by the context, such as a thread-local request.
        _log.exception("request_failed.html cannot be rendered without the user; the response is JSON")
        return json_response(answer)


def _shows_page(request: HttpRequest) -> bool:
    """Return whether a browser navigates. Its header Accept prefers HTML; clients that accept anything get JSON."""
    if is_api_client(request) or is_script(request):
        return False
    return request.get_preferred_type(("application/json", "text/html")) == "text/html"


def _render_page(
    request: HttpRequest,
    error: _Error,
    answer: ErrorResponse,
    *,
    is_view_called: bool,
) -> HttpResponse:
    is_unavailable, is_read = answer.status == 503, request.method in ("GET", "HEAD")
    default = UNAVAILABLE if is_unavailable else REFUSED_CREDENTIALS
    entry = CATALOGUE.get(error.code, default)
    page_request = _copy_without_user(request)
    context: dict[str, Any] = {
        "request": page_request,
        "user": page_request.user,
        "code": error.code,
        "sentence": entry.heading or default.heading or answer.sentence,
        "remedy": entry.remedy or default.remedy or CONTACT,
        # A browser would open the path "//evil.example/" on another host.
        "again": escape_leading_slashes(request.get_full_path()) if is_unavailable and is_read else "",
        "is_write": not is_read,
        "is_view_called": is_view_called,
        "home": get_script_prefix(),
        "debug_message": str(error) if django_settings.DEBUG else "",
    }
    content = render_to_string("django_cognito/request_failed.html", context)
    return set_security_headers(HttpResponse(content, status=answer.status, headers=dict(answer.headers)))


def _copy_without_user(request: HttpRequest) -> HttpRequest:
    """Return a copy of `request` with an anonymous user. A template that read the request's own would fail again.

    Not by `copy`, which omits what Django does not pickle.
    """
    copied = object.__new__(type(request))
    vars(copied).update(vars(request))
    set_user(copied, AnonymousUser())
    copied.cognito = RequestCognito(copied)  # type: ignore[attr-defined]
    return copied
