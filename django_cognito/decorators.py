"""View decorators: required groups, scopes, sign-ins and live checks, browser sessions, silent sign-in.

The rules are in `authorization.rights`, `sessions.step_up`, `users.live_check` and `web`.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings as django_settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.http import urlencode

from .authorization.rights import Rights, aget_rights, get_rights, require_names
from .conf.loading import get_settings
from .sessions.step_up import MFA_ACR_VALUES, SignInRequirement, require_mfa, require_recent_sign_in
from .users.live_check import DEFAULT_SECONDS, LiveSource, require_live_check
from .web import live_check, step_up
from .web.bearer import find_token, is_api_client
from .web.next_url import is_script, safe_url
from .web.pool_selection import find_settings_for_request
from .web.redirect_uri import is_elsewhere
from .web.responses import ErrorResponse, forbidden_response, json_response, not_authenticated
from .web.resubmission import mark_interrupted
from .web.script_responses import sign_in_required
from .web.silent import ATTEMPTED, SILENT_PARAM, is_worth_trying

_View = Callable[..., Any]
_Response = HttpResponse | None


def group_required(*names: str) -> Callable[[_View], _View]:
    """Require one of the Cognito groups `names`.

    An anonymous user is redirected to the login page; a user without the group gets Django's 403 page.
    A request with a bearer token gets 401 or 403 as JSON.
    """
    groups = require_names(names)
    return _required(lambda rights: rights.in_group(*groups), forbidden_response("group_required"))


def scope_required(*names: str) -> Callable[[_View], _View]:
    """Require all of the scopes `names`. The error responses are those of `group_required`."""
    scopes = require_names(names)
    return _required(lambda rights: rights.has_scope(*scopes), forbidden_response("scope_required", scopes=scopes))


def recent_sign_in_required(seconds: int) -> Callable[[_View], _View]:
    """Require that the user signed in at Cognito in the last `seconds`; refreshing tokens is no sign-in.

    Otherwise a browser is redirected to Cognito, where the user signs in again (`prompt=login`, `max_age`), and back to
    the page. A script, and a request with a bearer token, get 401 with code "insufficient_user_authentication" and
    `max_age` (RFC 9470); a machine-to-machine client 403. For an anonymous user see `group_required`.
    """
    return _step_up(require_recent_sign_in(seconds))


def mfa_required(
    view: _View | None = None,
    /,
    *,
    when: Callable[[HttpRequest], bool] | None = None,
    acr_values: Sequence[str] = MFA_ACR_VALUES,
    recent_sign_in_seconds: int | None = None,
) -> Any:
    """Require a sign-in with a second factor; if the user's had none, as `recent_sign_in_required` with `acr_values`.

    `when` gets the request and returns whether the rule applies, by default always; it must do no I/O in an async view.
    By default a sign-in is sufficient if the tokens' `amr` has `mfa`, or if `acr` is Cognito's level 3 or 4; a passkey
    alone has level 3. `acr_values` lists other levels, of which `acr` must be one. With `recent_sign_in_seconds` the
    sign-in must also be that recent.
    """
    decorate = _step_up(require_mfa(acr_values, recent_sign_in_seconds), when)
    return decorate if view is None else decorate(view)


def live_check_required(
    view: _View | None = None,
    /,
    *,
    by: LiveSource = "get_user",
    seconds: int = DEFAULT_SECONDS,
    groups: Sequence[str] | None = None,
) -> Any:
    """Require that Cognito accepted the user now or in the last `seconds` (1 to 300): not disabled, deleted or revoked.

    `by` is "get_user", with the user's access token, which needs the scope `aws.cognito.signin.user.admin`, or
    "directory", with the AWS credentials of the site (extra `aws`). The directory also checks `groups`: the user is in
    one of them now. A session that Cognito rejects ends; a token gets 401. If Cognito does not answer, the response is
    503. A machine-to-machine client and a user without a Cognito login get 403; for an anonymous user see
    `group_required`.
    """
    requirement = require_live_check(by, seconds, groups)
    decorate = _guard(
        lambda request: live_check.find_response(request, requirement),
        lambda request: live_check.afind_response(request, requirement),
    )
    return decorate if view is None else decorate(view)


def bearer_exempt(view: _View) -> _View:
    """Exempt a view that reads the Authorization header itself, such as another library's view or a metrics endpoint.

    The middleware then ignores the token: the request is anonymous, and the CSRF check applies.
    """
    if iscoroutinefunction(view):

        @wraps(view)
        async def marked(*args: Any, **kwargs: Any) -> Any:
            return await view(*args, **kwargs)

    else:

        @wraps(view)
        def marked(*args: Any, **kwargs: Any) -> Any:
            return view(*args, **kwargs)

    marked.bearer_exempt = True  # type: ignore[attr-defined]
    return marked


def session_required(view: _View) -> _View:
    """Accept browser sessions only: a bearer token gets 403, code "session_required".

    The middleware responds before it verifies the token. The package's own views have this mark, and the middleware
    treats the admin in the same way.
    """

    def refuse(request: HttpRequest) -> _Response:
        is_refused = find_token(request) is not None
        return json_response(forbidden_response("session_required")) if is_refused else None

    async def arefuse(request: HttpRequest) -> _Response:
        return refuse(request)

    marked = _guard(refuse, arefuse)(view)
    marked.session_required = True  # type: ignore[attr-defined]
    return marked


def user_required(view: _View) -> _View:
    """Require a user for a view that accepts only POST: an anonymous request is redirected to the login.

    After the login the user is redirected to the form's `next`. LoginRequiredMiddleware and `login_required` would
    redirect to the view, which does not accept GET. A machine-to-machine client gets 403.
    """

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        user: Any = request.user
        cognito = getattr(request, "cognito", None)
        # A service user is a Django user. `is_machine` alone would raise in an outage past expiry.
        is_machine = cognito is not None and cognito.is_bearer and cognito.is_machine
        if isinstance(user, Model) and not is_machine:
            return view(request, *args, **kwargs)
        if user.is_authenticated:
            raise PermissionDenied("a machine-to-machine client has no account")
        if is_script(request):
            return sign_in_required(request)
        next_url = safe_url(request, request.POST.get(REDIRECT_FIELD_NAME, ""))
        return mark_interrupted(redirect_to_login(next_url or resolve_url(django_settings.LOGIN_REDIRECT_URL)))

    return checked


def silent_sign_in(view: _View) -> _View:
    """Sign an anonymous user in without a page if the user has a session at Cognito.

    The browser is redirected to Cognito and back (`prompt=none`), at most once in ten minutes. For public pages;
    requires the setting SILENT_SIGN_IN.
    """
    if iscoroutinefunction(view):

        @wraps(view)
        async def sign_in_silently(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not _is_visit(request) or (await request.auser()).is_authenticated:
                return await view(request, *args, **kwargs)
            return await sync_to_async(_ask_unseen)(request) or await view(request, *args, **kwargs)

    else:

        @wraps(view)
        def sign_in_silently(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not _is_visit(request) or request.user.is_authenticated:
                return view(request, *args, **kwargs)
            return _ask_unseen(request) or view(request, *args, **kwargs)

    return sign_in_silently


def _is_visit(request: HttpRequest) -> bool:
    """Return whether a browser navigates to the page. Scripts, frames and prefetches cannot complete a sign-in.

    Decided by Fetch Metadata headers. Clients that do not send them (crawlers, browsers before 2023) get the page.
    """
    headers = request.headers
    is_page = headers.get("Sec-Fetch-Mode") == "navigate"
    is_whole = headers.get("Sec-Fetch-Dest") == "document" and "Sec-Purpose" not in headers
    is_plain = request.method == "GET" and find_token(request) is None
    return is_page and is_whole and is_plain and get_settings().silent_sign_in


def _ask_unseen(request: HttpRequest) -> HttpResponse | None:
    """Return the redirect for a silent sign-in; None if it cannot succeed. Sets a cookie; does not write the session.

    If REDIRECT_URI is on another host, the session would be on that host and have no effect on this page.
    """
    pool = find_settings_for_request(request)
    if pool is None or not pool.user_pool.domain or not is_worth_trying(request) or is_elsewhere(request, pool):
        return None
    query = urlencode({"prompt": "none", "next": request.get_full_path(), SILENT_PARAM: "1"})
    response = HttpResponseRedirect(f"{reverse('cognito:login')}?{query}")
    ATTEMPTED.set(request, response)  # set before the result is available: a failed attempt is not repeated
    return response


def _guard(
    refuse: Callable[[HttpRequest], _Response], arefuse: Callable[[HttpRequest], Awaitable[_Response]]
) -> Callable[[_View], _View]:
    """Return a decorator that calls the view if `refuse` returns None; for an async view `arefuse`."""

    def decorate(view: _View) -> _View:
        if iscoroutinefunction(view):

            @wraps(view)
            async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                response = await arefuse(request)
                return await view(request, *args, **kwargs) if response is None else response

        else:

            @wraps(view)
            def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                response = refuse(request)
                return view(request, *args, **kwargs) if response is None else response

        return guarded

    return decorate


def _required(allows: Callable[[Rights], bool], denied: ErrorResponse) -> Callable[[_View], _View]:
    def refuse(request: HttpRequest) -> _Response:
        if not request.user.is_authenticated:
            return _ask_who(request)
        return None if allows(get_rights(request.user)) else _deny(request, denied)

    async def arefuse(request: HttpRequest) -> _Response:
        user = await request.auser()
        if not user.is_authenticated:
            return _ask_who(request)
        return None if allows(await aget_rights(user)) else _deny(request, denied)

    return _guard(refuse, arefuse)


def _step_up(
    requirement: SignInRequirement, when: Callable[[HttpRequest], bool] | None = None
) -> Callable[[_View], _View]:
    def find_problem(request: HttpRequest) -> str | None:
        """Return the error code, an empty string if the view may be called, or None for an anonymous user. No I/O."""
        step_up.require_middleware(request)
        if when is not None and not when(request):
            return ""
        return step_up.find_problem(request, requirement) if request.user.is_authenticated else None

    def respond(request: HttpRequest, problem: str | None) -> HttpResponse:
        if problem is None:
            return step_up.ask_to_sign_in(request, requirement)
        return step_up.refuse_sign_in(request, requirement, problem)

    def refuse(request: HttpRequest) -> _Response:
        problem = find_problem(request)
        return None if problem == "" else respond(request, problem)

    async def arefuse(request: HttpRequest) -> _Response:
        await request.auser()
        problem = find_problem(request)
        return None if problem == "" else await sync_to_async(respond)(request, problem)

    return _guard(refuse, arefuse)


def _ask_who(request: HttpRequest) -> HttpResponse:
    if is_api_client(request):
        return json_response(not_authenticated(request))
    return redirect_to_login(request.get_full_path())


def _deny(request: HttpRequest, denied: ErrorResponse) -> HttpResponse:
    if is_api_client(request):
        return json_response(denied)
    raise PermissionDenied(str(denied.sentence))
