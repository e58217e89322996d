"""The response to a script whose user must sign in: scripts cannot follow a redirect to Cognito.

htmx loads the URL of the header `HX-Redirect` in the browser (htmx reference, "Response headers").
"""

from urllib.parse import unquote, urlsplit, urlunsplit

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.http.response import HttpResponseBase
from django.utils.http import urlencode

from ..sessions.step_up import SignInRequirement
from .login_url import find_login_url, is_login_url
from .next_url import is_htmx, is_script, safe_url
from .responses import insufficient_authentication, json_response, not_authenticated


def sign_in_required(request: HttpRequest, next_url: str = "") -> JsonResponse:
    """Return 401 with `login_url`, which repeats the query of `request`; for htmx also with `HX-Redirect`.

    A script requests a part of a page or data, which is no page to return to: `next` is the page that htmx names, or
    the script adds it. `next_url` is the checked `next` of `request`: a boosted link or form is a page itself.
    """
    query = request.GET.copy()
    query.pop(REDIRECT_FIELD_NAME, None)
    return _respond(request, query, next_url)


def step_up_required(request: HttpRequest, requirement: SignInRequirement, next_url: str) -> JsonResponse:
    """Return 401 with `login_url`, the step-up URL with the requirement; for htmx also with `HX-Redirect`.

    `next` of that URL is as for `sign_in_required`.
    """
    login_url = find_login_url(urlencode({**requirement.params, **_next_of_htmx(request, next_url)}), "step_up")
    response = json_response(insufficient_authentication(requirement, login_url))
    return _let_htmx_load(request, login_url, response)


def respond_to_ended_login(request: HttpRequest) -> HttpResponse:
    """Return the response to a request whose login has ended: for a script 401 with `login_url`, else a redirect."""
    page = request.get_full_path()
    return _respond(request, QueryDict(mutable=True), page) if is_script(request) else redirect_to_login(page)


def replace_login_redirect(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Return `response`; if it redirects a script whose login has ended to the login page, return 401 instead.

    The login page could only respond "not_authenticated": the reason is not stored.
    """
    if not request.cognito.ended_code or not is_script(request) or response.status_code != 302:  # type: ignore[attr-defined]
        return response
    if not is_login_url(request, response.get("Location", "")):
        return response
    return _respond(request, QueryDict(mutable=True), request.get_full_path())


def _respond(request: HttpRequest, query: QueryDict, next_url: str) -> JsonResponse:
    query.update(_next_of_htmx(request, next_url))
    login_url = find_login_url(query.urlencode())
    return _let_htmx_load(request, login_url, json_response(not_authenticated(request, login_url)))


def let_htmx_redirect(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return `response`; for htmx, a redirect becomes `HX-Redirect`: htmx cannot follow one to another origin."""
    if is_htmx(request) and "Location" in response:
        response.status_code = 200
        response["HX-Redirect"] = response["Location"]
        del response["Location"]
    return response


def _next_of_htmx(request: HttpRequest, next_url: str) -> dict[str, str]:
    is_boosted = request.headers.get("HX-Boosted") == "true"
    page = (next_url if is_boosted else _current_page(request)) if is_htmx(request) else ""
    return {REDIRECT_FIELD_NAME: page} if page else {}


def _let_htmx_load(request: HttpRequest, login_url: str, response: JsonResponse) -> JsonResponse:
    if is_htmx(request) and login_url:
        response["HX-Redirect"] = login_url
    return response


def _current_page(request: HttpRequest) -> str:
    """Return the page of `HX-Current-URL`, from the path on if it is on this host; empty if it is not safe."""
    header = request.headers.get("HX-Current-URL", "")
    if request.headers.get("HX-Current-URL-URI-AutoEncoded") == "true":
        header = unquote(header)
    try:
        parts = urlsplit(header)
    except ValueError:
        return ""
    is_same_host = parts.netloc.lower() == request.get_host().lower()
    return safe_url(request, urlunsplit(("", "", *parts[2:])) if is_same_host else header)
