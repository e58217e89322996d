"""View decorators: required groups and scopes, browser sessions, silent sign-in. No rules of their own."""

from collections.abc import Callable
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
from .web.bearer import bearer_token
from .web.next_url import is_script, safe_url
from .web.pool_selection import find_settings_for_request
from .web.redirect_uri import is_elsewhere
from .web.responses import ErrorResponse, forbidden, json_response, not_authenticated
from .web.silent import SILENT_PARAM, is_worth_trying, mark_attempted

_View = Callable[..., Any]


def group_required(*names: str) -> Callable[[_View], _View]:
    """Require one of the Cognito groups `names`.

    An anonymous user is redirected to the login, a user without the group gets Django's 403.
    A bearer token gets 401 or 403 as JSON.
    """
    groups = require_names(names)
    return _required(lambda rights: rights.in_group(*groups), forbidden("group_required"))


def scope_required(*names: str) -> Callable[[_View], _View]:
    """Require all of the scopes `names`. Other requests get the responses of `group_required`."""
    scopes = require_names(names)
    return _required(lambda rights: rights.has_scope(*scopes), forbidden("scope_required", scopes=scopes))


def bearer_exempt(view: _View) -> _View:
    """Mark a view that looks at the Authorization header itself: another library's tokens, a metrics endpoint.

    The middleware then leaves the header alone; the request is anonymous, and forms need their CSRF token.
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
    """Mark a view that accepts browser sessions only: a bearer token gets 403, code "session_required".

    The middleware answers before it verifies the token. All of the package's own views and the admin are marked by it.
    """
    if iscoroutinefunction(view):

        @wraps(view)
        async def marked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if bearer_token(request) is not None:
                return json_response(forbidden("session_required"))
            return await view(request, *args, **kwargs)

    else:

        @wraps(view)
        def marked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if bearer_token(request) is not None:
                return json_response(forbidden("session_required"))
            return view(request, *args, **kwargs)

    marked.session_required = True  # type: ignore[attr-defined]
    return marked


def user_required(view: _View) -> _View:
    """Require a user for a view that takes only POST: an anonymous request goes to the login.

    After the login the user lands on the form's `next`: LoginRequiredMiddleware and `login_required` would return to
    the view, which takes no GET. A machine-to-machine client gets 403.
    """

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        user: Any = request.user
        if isinstance(user, Model):
            return view(request, *args, **kwargs)
        if user.is_authenticated:
            raise PermissionDenied("a machine-to-machine client has no account")
        if is_script(request):
            return json_response(not_authenticated())
        next_url = safe_url(request, request.POST.get(REDIRECT_FIELD_NAME, ""))
        return redirect_to_login(next_url or resolve_url(django_settings.LOGIN_REDIRECT_URL))

    return checked


def silent_sign_in(view: _View) -> _View:
    """Sign an anonymous user in without a page if the user has a session at Cognito.

    The browser goes to Cognito and straight back (`prompt=none`), at most once in ten minutes. For public pages;
    needs the setting SILENT_SIGN_IN.
    """
    if iscoroutinefunction(view):

        @wraps(view)
        async def asking(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not _is_visit(request) or (await request.auser()).is_authenticated:
                return await view(request, *args, **kwargs)
            return await sync_to_async(_ask_unseen)(request) or await view(request, *args, **kwargs)

    else:

        @wraps(view)
        def asking(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not _is_visit(request) or request.user.is_authenticated:
                return view(request, *args, **kwargs)
            return _ask_unseen(request) or view(request, *args, **kwargs)

    return asking


def _is_visit(request: HttpRequest) -> bool:
    """Whether a browser asks for a page to show, and not a script, a frame or a guess, which cannot follow to Cognito.

    Fetch Metadata: who does not say so, a crawler or a browser from before 2023, is shown the page.
    """
    headers = request.headers
    is_page = headers.get("Sec-Fetch-Mode") == "navigate"
    is_whole = headers.get("Sec-Fetch-Dest") == "document" and "Sec-Purpose" not in headers
    is_plain = request.method == "GET" and bearer_token(request) is None
    return is_page and is_whole and is_plain and get_settings().silent_sign_in


def _ask_unseen(request: HttpRequest) -> HttpResponse | None:
    """Return the redirect to Cognito and straight back; None if it is not worth it. Sets a cookie, writes no session.

    If REDIRECT_URI is on another host the session would be there: no sign-in could show in this page.
    """
    here = find_settings_for_request(request)
    if here is None or not here.user_pool.domain or not is_worth_trying(request) or is_elsewhere(request, here):
        return None
    query = urlencode({"prompt": "none", "next": request.get_full_path(), SILENT_PARAM: "1"})
    response = HttpResponseRedirect(f"{reverse('cognito:login')}?{query}")
    mark_attempted(request, response)  # before the answer: a failed attempt is not repeated
    return response


def _required(allows: Callable[[Rights], bool], denied: ErrorResponse) -> Callable[[_View], _View]:
    def decorate(view: _View) -> _View:
        if iscoroutinefunction(view):

            @wraps(view)
            async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                user = await request.auser()
                if not user.is_authenticated:
                    return _ask_who(request)
                if not allows(await aget_rights(user)):
                    return _deny(request, denied)
                return await view(request, *args, **kwargs)

        else:

            @wraps(view)
            def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                if not request.user.is_authenticated:
                    return _ask_who(request)
                if not allows(get_rights(request.user)):
                    return _deny(request, denied)
                return view(request, *args, **kwargs)

        return guarded

    return decorate


def _ask_who(request: HttpRequest) -> HttpResponse:
    if bearer_token(request) is not None:
        return json_response(not_authenticated())
    return redirect_to_login(request.get_full_path())


def _deny(request: HttpRequest, denied: ErrorResponse) -> HttpResponse:
    if bearer_token(request) is not None:
        return json_response(denied)
    raise PermissionDenied(str(denied.sentence))
