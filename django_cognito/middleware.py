"""`request.cognito`, token refresh for sessions, and bearer tokens outside DRF.

With a token in a header of TOKEN_SOURCES the session is not read: the request starts anonymous, and either the view
authenticates it itself (DRF, `bearer_exempt`) or `process_view` does. Views that accept only sessions reject the
header without verifying the token. The rules are in `users.authentication`, `web.bearer` and `web.request`.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string

from .core.errors import CognitoError, CognitoUnavailableError, CredentialsError, SignInError
from .core.tracebacks import clear_frame_locals
from .users.attributes.claim_sources import IdentityClaims
from .users.authentication import aauthenticate, authenticate
from .users.writing.provisioning import reapply_claims
from .users.writing.request_writes import collect_writes
from .web.bearer import HeaderToken, find_token, get_vary_headers, read_tokens
from .web.error_page import respond_to_error
from .web.error_reports import take_id_token
from .web.pool_selection import aget_accepted_pool_ids, get_accepted_pool_ids
from .web.request import RequestCognito
from .web.request_user import make_auser, set_user, share_loaded_user
from .web.responses import error_response_for, forbidden_response, json_response
from .web.resubmission import is_interrupted, render_page
from .web.script_responses import replace_login_redirect, respond_to_ended_login
from .web.sign_in_cookies import delete_used

logger = logging.getLogger(__name__)
View = Callable[..., Any]

_SUSPENDED = "_dont_enforce_csrf_checks"  # Django's own mark; its test client sets it too


class CognitoMiddleware:
    """The middleware. List it after AuthenticationMiddleware and before LoginRequiredMiddleware."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        classes = map(import_string, settings.MIDDLEWARE)
        self.requires_login = any(isinstance(cls, type) and issubclass(cls, LoginRequiredMiddleware) for cls in classes)
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
            self.process_view = self._aprocess_view  # type: ignore[method-assign, assignment]

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        _begin(request)
        with collect_writes() as written:
            response = self.get_response(request)
        if written:
            _write_again(written)
        if _hides_outage(request, response):
            response = _respond_to_hidden_outage(request)
        if is_interrupted(request, response):
            response = render_page(request, response)
        return _finish(request, response)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        _begin(request)
        with collect_writes() as written:
            response = await self.get_response(request)
        if written:
            await sync_to_async(_write_again)(written)
        if _hides_outage(request, response):
            response = await sync_to_async(_respond_to_hidden_outage)(request)
        if is_interrupted(request, response):
            response = await sync_to_async(render_page)(request, response)
        return _finish(request, response)

    @clear_frame_locals
    def process_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        """Authenticate a bearer token; load the session's user if an error or a write would be lost inside the view."""
        header_token = find_token(request)
        if header_token is None:
            try:
                if self._loads_user_first(request, view):
                    _ = request.user.is_authenticated
                if not request.cognito.is_loaded_for(view):  # type: ignore[attr-defined]
                    request.cognito.load_again()  # type: ignore[attr-defined]
            except CognitoUnavailableError as error:
                return _respond(request, error, is_view_called=False)
            return None
        if _accepts_sessions_only(request, view):
            return json_response(forbidden_response("session_required"))
        if _authenticates_itself(view):
            return _with_csrf(request, view, args, kwargs)
        if (refusal := _check_csrf_if_needed(header_token, request, view, args, kwargs)) is not None:
            return refusal
        try:
            raw, raw_id_token = read_tokens(request, header_token)
            accepted = get_accepted_pool_ids(request)
            user, token = authenticate(raw, id_token=raw_id_token, user_pool_ids=accepted)
        except CognitoUnavailableError as error:
            return respond_to_error(request, error, is_view_called=False)
        except CognitoError as error:
            return json_response(error_response_for(error))
        request.cognito.set_bearer(user, token, raw, raw_id_token)  # type: ignore[attr-defined]
        return None

    @clear_frame_locals
    async def _aprocess_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        """Async version of `process_view`."""
        header_token = find_token(request)
        if header_token is None:
            try:
                if self._loads_user_first(request, view):
                    await request.auser()
                if not request.cognito.is_loaded_for(view):  # type: ignore[attr-defined]
                    await sync_to_async(request.cognito.load_again)()  # type: ignore[attr-defined]
            except CognitoUnavailableError as error:
                return await sync_to_async(_respond)(request, error, is_view_called=False)
            return None
        if _accepts_sessions_only(request, view):
            return json_response(forbidden_response("session_required"))
        if _authenticates_itself(view):
            # In a thread, as Django does it: a site's CSRF_FAILURE_VIEW may read the database.
            return await sync_to_async(_with_csrf)(request, view, args, kwargs)
        if header_token.needs_csrf_check:
            refusal = await sync_to_async(_check_csrf_if_needed)(header_token, request, view, args, kwargs)
            if refusal is not None:
                return refusal
        try:
            raw, raw_id_token = read_tokens(request, header_token)
            accepted = await aget_accepted_pool_ids(request)
            user, token = await aauthenticate(raw, id_token=raw_id_token, user_pool_ids=accepted)
        except CognitoUnavailableError as error:
            return await sync_to_async(respond_to_error)(request, error, is_view_called=False)
        except CognitoError as error:
            return json_response(error_response_for(error))
        request.cognito.set_bearer(user, token, raw, raw_id_token)  # type: ignore[attr-defined]
        return None

    def _loads_user_first(self, request: HttpRequest, view: View) -> bool:
        """Return whether the view's transaction, or LoginRequiredMiddleware, would load the session's user.

        A rollback would lose the refreshed tokens. Django does not pass an error of another middleware's `process_view`
        to `process_exception`. A view without a transaction may be the sign-out, which needs no user.
        """
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return False
        if self.requires_login and getattr(view, "login_required", True):
            return True
        exempt = getattr(view, "_non_atomic_requests", ())  # by Django's `non_atomic_requests`
        return any(item["ATOMIC_REQUESTS"] for alias, item in connections.settings.items() if alias not in exempt)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return 503 if Cognito could not be reached, 403 if AWS refused credentials.

        After `request.cognito.refresh()` of a login that has ended, redirect to the login, or return 401 to a script.
        """
        if isinstance(exception, SignInError) and request.cognito.ended_code:  # type: ignore[attr-defined]
            return respond_to_ended_login(request)
        if isinstance(exception, CognitoUnavailableError | CredentialsError):
            return _respond(request, exception)
        return None


def _begin(request: HttpRequest) -> None:
    """Set `request.cognito`, and a lazy `request.user` that loads the session's login on first access.

    With a token the request starts anonymous. Its CSRF check is suspended if the client sent the token: a cross-site
    form cannot send the Authorization header. A load balancer adds its header to a cross-site form too.
    """
    take_id_token(request)  # even if no view uses it: error reports must not show the header
    cognito = RequestCognito(request)
    request.cognito = cognito  # type: ignore[attr-defined]
    token = find_token(request)
    if token is not None:
        set_user(request, AnonymousUser())
        if not token.needs_csrf_check:
            request._csrf_was_suspended = getattr(request, _SUSPENDED, False)  # type: ignore[attr-defined]
            setattr(request, _SUSPENDED, True)
        return
    lazy_user, auser = request.user, request.auser

    def load() -> Any:
        share_loaded_user(request)
        return store_user(cognito.load_session(lazy_user))

    async def aload() -> Any:
        share_loaded_user(request)
        return store_user(await cognito.aload_session(auser))

    def store_user(user: Any) -> Any:
        cognito.is_session_anonymous = not user.is_authenticated
        # The sync and async readers share the loaded user: `request.user` after `await request.auser()` does no I/O.
        # A user that other code has set in the meantime is not replaced.
        if request.user is session_user:
            request.user = user
        if request.auser is aload:
            request.auser = make_auser(user)
        return user

    request.user = session_user = cast("Any", SimpleLazyObject(load))
    request.auser = aload


def _write_again(statements: list[IdentityClaims]) -> None:
    """Apply the claims that the view's transaction may have rolled back, outside of it."""
    try:
        reapply_claims(statements)
    except DatabaseError:
        # The response is complete, and the next request with the token writes the claims.
        logger.exception("claims that a view rolled back could not be reapplied")


def _respond(
    request: HttpRequest, error: CognitoUnavailableError | CredentialsError, *, is_view_called: bool = True
) -> HttpResponse:
    # The response has only the code; AWS's message and the next step are for the operator.
    logger.warning("%s: %s", error.code, error)
    return respond_to_error(request, error, is_view_called=is_view_called)


def _hides_outage(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Return whether another middleware turned an outage into 500."""
    return response.status_code == 500 and request.cognito.is_unavailable  # type: ignore[attr-defined]


def _respond_to_hidden_outage(request: HttpRequest) -> HttpResponse:
    return respond_to_error(request, CognitoUnavailableError("another middleware needed the user"))


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Set Vary headers and delete used cookies; return 401 if a script was redirected to the login."""
    response = replace_login_redirect(request, response)
    delete_used(request, response)
    if find_token(request) is not None or request.session.accessed:
        patch_vary_headers(response, get_vary_headers())
    return response


def _accepts_sessions_only(request: HttpRequest, view: View) -> bool:
    """Return whether the view is marked `session_required`, or belongs to an admin site, however it was added."""
    is_in_admin = "admin" in request.resolver_match.app_names  # type: ignore[union-attr]
    marks = ("session_required", "admin_site", "model_admin")
    return is_in_admin or any(getattr(view, mark, None) for mark in marks)


def _authenticates_itself(view: View) -> bool:
    return hasattr(getattr(view, "cls", None), "authentication_classes") or getattr(view, "bearer_exempt", False)


def _check_csrf_if_needed(
    token: HeaderToken, request: HttpRequest, view: View, args: Any, kwargs: Any
) -> HttpResponse | None:
    """Run Django's CSRF check before a token of a load balancer is verified, whatever MIDDLEWARE lists, and its order.

    Does nothing if CsrfViewMiddleware has run it.
    """
    if not token.needs_csrf_check:
        return None
    middleware = CsrfViewMiddleware(lambda _: HttpResponse())
    middleware.process_request(request)
    return middleware.process_view(request, view, args, kwargs)


def _with_csrf(request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
    """Restore the CSRF check that `_begin` suspended, and run it if CsrfViewMiddleware has skipped it."""
    if not hasattr(request, "_csrf_was_suspended"):  # a middleware of the site added the header later
        return None
    setattr(request, _SUSPENDED, request._csrf_was_suspended)
    if not getattr(request, "csrf_processing_done", False):
        return None
    request.csrf_processing_done = False  # type: ignore[attr-defined]
    return CsrfViewMiddleware(lambda _: HttpResponse()).process_view(request, view, args, kwargs)
