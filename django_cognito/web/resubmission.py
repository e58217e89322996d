"""A form whose request requires a sign-in first: the page that sends its fields again after the sign-in.

The fields are in that page only, in the browser that sent them. Must not depend on views or on how a sign-in is run.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.http import escape_leading_slashes, urlencode

from ..conf.loading import get_settings
from ..core.base64url import decode_base64url, encode_base64url
from ..core.tracebacks import clear_frame_locals
from ..encryption import DecryptionError, decrypt, encrypt
from ..sessions.session_user import get_session_key
from ..sessions.step_up import NO_REQUIREMENT, SignInRequirement
from .login_url import is_login_url, replace_next
from .security_headers import set_security_headers

_PURPOSE = b"django_cognito.web.resubmission"  # anonymous requests must not encrypt under the key of stored tokens
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
_CSRF_FIELD = "csrfmiddlewaretoken"
_REQUIREMENT = "_cognito_requirement"  # an attribute of a response: the SignInRequirement of a view that was not called
# DATA_UPLOAD_MAX_MEMORY_SIZE is 2.5 MB by default, and a character can have six in HTML.
_MAX_CHARACTERS = 2_500_000
# What browsers send with a form of the same site that replaces the page. Scripts get JSON; frames get the redirect,
# because the page must not be framed.
_NAVIGATION = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@dataclass(frozen=True, slots=True)
class FormOwner:
    """The user who sent a form, and the authorization request parameters that the next sign-in must fulfil.

    `user_id` is empty if the session had no user: it has expired, or the user was not signed in.
    """

    user_id: str = ""
    params: Mapping[str, str] = field(default_factory=dict)

    def seal(self) -> str:
        """Return the owner encrypted: the page must not show the primary key."""
        plaintext = json.dumps([self.user_id, dict(self.params)]).encode()
        return encode_base64url(encrypt(plaintext, associated_data=b"", purpose=_PURPOSE))

    @classmethod
    def open(cls, sealed: str) -> Self | None:
        """Return the owner of `seal`; None if this site did not seal it."""
        with suppress(DecryptionError, ValueError):
            return cls(*json.loads(decrypt(decode_base64url(sealed), associated_data=b"", purpose=_PURPOSE)))
        return None


def mark_interrupted(response: HttpResponse, requirement: SignInRequirement = NO_REQUIREMENT) -> HttpResponse:
    """Return `response`, which redirects to the sign-in that `requirement` needs. The view has not been called.

    If the request is a form, CognitoMiddleware replaces the response by the page that sends the form again.
    """
    setattr(response, _REQUIREMENT, requirement)
    return response


def is_interrupted(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Return whether `response` redirects a form to the sign-in before its view was called.

    Only if Django's CSRF check has accepted the request: the page repeats what was sent. No I/O.
    """
    return (
        request.method == "POST"
        and response.status_code == 302
        and request.content_type in _FORM_TYPES
        and all(request.headers.get(name) == value for name, value in _NAVIGATION.items())
        and getattr(request, "csrf_processing_done", False)
        and not getattr(request, "_dont_enforce_csrf_checks", False)
        and (hasattr(response, _REQUIREMENT) or _requires_login(request, response))
        and get_settings().resubmit_forms
    )


def _requires_login(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Return whether `response` redirects an anonymous user to the login and back to the URL of `request`.

    Django's `login_required` redirects so. A view that has done its work has another `next`, or none; one that has
    signed the user out had a user.
    """
    url = response.get("Location", "")
    was_anonymous = request.cognito.is_session_anonymous and not request.user.is_authenticated  # type: ignore[attr-defined]
    if not was_anonymous or not is_login_url(request, url):
        return False
    return QueryDict(urlsplit(url).query).get(REDIRECT_FIELD_NAME) == request.get_full_path()


@clear_frame_locals  # a form may have a password, and an error report of a site's template shows the variables
def render_page(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return the page with the fields of `request`, which opens the sign-in of the redirect `response` in a new tab.

    If the site does not include the login URLs, return `response`.
    """
    try:
        signed_in_url, check_url = reverse("cognito:resubmit"), reverse("cognito:check_resubmission")
    except NoReverseMatch:
        return response
    user: Any = request.user
    user_id = get_session_key(user) if user.is_authenticated else request.cognito.session_user_id  # type: ignore[attr-defined]
    requirement = getattr(response, _REQUIREMENT, NO_REQUIREMENT)
    fields = [(name, value) for name, values in request.POST.lists() if name != _CSRF_FIELD for value in values]
    context = {
        "sign_in_url": replace_next(response["Location"], signed_in_url),
        "check_url": f"{check_url}?{urlencode({'owner': FormOwner(user_id, requirement.params).seal()})}",
        # A browser would send the form of the path "//evil.example/" to another host.
        "action": escape_leading_slashes(request.get_full_path()),
        "enctype": request.content_type,
        "fields": fields,
        "files": [(name, [file.name for file in files]) for name, files in request.FILES.lists()],
        "is_too_large": sum(len(name) + len(value) for name, value in fields) > _MAX_CHARACTERS,
    }
    page = render(request, "django_cognito/resubmission.html", context, status=403)
    page.cookies.update(response.cookies)
    # "no-referrer" would make browsers post the form with "Origin: null", which the CSRF check rejects.
    return set_security_headers(page, referrer_policy="same-origin", resubmits_form=True)
