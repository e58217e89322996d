"""`request.cognito`, sessions that renew, and bearer tokens outside DRF. Translates; decides nothing.

With an `Authorization: Bearer` header the session is not looked at: the request starts anonymous, and either the view
authenticates it itself (DRF, `bearer_exempt`) or `process_view` does.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.functional import LazyObject, SimpleLazyObject

from .answers import answer_to, json_response
from .core.errors import CognitoError, CognitoUnavailableError, CredentialsError
from .people.authenticate import aauthenticate, authenticate
from .people.users import Token
from .request import RequestCognito, bearer_token, id_token_header
from .tracebacks import without_locals

logger = logging.getLogger(__name__)
View = Callable[..., Any]

_SUSPENDED = "_dont_enforce_csrf_checks"  # Django's own mark; its test client sets it too


class CognitoMiddleware:
    """Put after AuthenticationMiddleware, and before LoginRequiredMiddleware."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
            self.process_view: Callable[..., Any] = self._aprocess_view
        else:
            self.process_view = self._process_view

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        _begin(request)
        return _varying(request, self.get_response(request))

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        _begin(request)
        return _varying(request, await self.get_response(request))

    @without_locals
    def _process_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        raw = bearer_token(request)
        if raw is None:
            if _is_before_a_transaction(request):
                _ = request.user.is_authenticated
            return None
        if _authenticates_itself(view):
            return _with_csrf(request, view, args, kwargs)
        try:
            user, token = authenticate(raw, id_token=id_token_header(request))
        except CognitoError as error:
            return json_response(answer_to(error))
        _let_in(request, user, token, raw)
        return None

    @without_locals
    async def _aprocess_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        raw = bearer_token(request)
        if raw is None:
            if _is_before_a_transaction(request):
                await request.auser()
            return None
        if _authenticates_itself(view):
            # In a thread, as Django does it: a site's CSRF_FAILURE_VIEW may read the database.
            return await sync_to_async(_with_csrf)(request, view, args, kwargs)
        try:
            user, token = await aauthenticate(raw, id_token=id_token_header(request))
        except CognitoError as error:
            return json_response(answer_to(error))
        _let_in(request, user, token, raw)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """503 where a view needed what Cognito could not be asked for, 403 where AWS credentials were refused."""
        if isinstance(exception, CognitoUnavailableError | CredentialsError):
            # The answer says no more than the code; AWS's own word and the next step are for whoever runs the site.
            logger.warning("%s: %s", exception.code, exception)
            return json_response(answer_to(exception))
        return None


def _begin(request: HttpRequest) -> None:
    id_token_header(request)  # also if nothing asks for it later: error reports must not show the header
    cognito = RequestCognito(request)
    request.cognito = cognito  # type: ignore[attr-defined]
    if bearer_token(request) is None:
        _wrap_session_user(request, cognito)
    else:
        _start_anonymous(request)


def _varying(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """What a person got is nobody else's to be given by a cache; nor is what somebody got who was nobody."""
    if bearer_token(request) is not None or request.session.accessed:
        # Always both: Django's page cache asks for what the address's last answer named.
        patch_vary_headers(response, ("Cookie", "Authorization"))
    return response


def _wrap_session_user(request: HttpRequest, cognito: RequestCognito) -> None:
    """Look at the login when the user is first looked at, and not before: a visitor's session stays unread."""
    lazy_user, auser = request.user, request.auser

    def load() -> Any:
        return keep(cognito.set_session(_unwrapped(lazy_user)))

    async def aload() -> Any:
        return keep(await cognito.aset_session(await auser()))

    def keep(user: Any) -> Any:
        # Either is answered by what the other has loaded: `request.user` after `await request.auser()` does no I/O.
        # Whom somebody else set meanwhile stays.
        if request.user is mine:
            request.user = user
        if request.auser is aload:
            request.auser = _answering(user)
        return user

    request.user = mine = cast("Any", SimpleLazyObject(load))
    request.auser = aload


def _start_anonymous(request: HttpRequest) -> None:
    """Nobody yet, and no CSRF check: a header that only a script can send is no cross-site form."""
    _set_user(request, AnonymousUser())
    request._csrf_was_suspended = getattr(request, _SUSPENDED, False)  # type: ignore[attr-defined]
    setattr(request, _SUSPENDED, True)


def _let_in(request: HttpRequest, user: Any, token: Token, raw: str) -> None:
    _set_user(request, user)
    request.cognito.set_bearer(user, token, raw, id_token_header(request))  # type: ignore[attr-defined]


def _set_user(request: HttpRequest, user: Any) -> None:
    request.user = user
    request.auser = _answering(user)


def _answering(user: Any) -> Callable[[], Awaitable[Any]]:
    async def auser() -> Any:
        return user

    return auser


def _unwrapped(user: Any) -> Any:
    """The user inside Django's lazy one: loaded, so that what is attached to it stays with it."""
    if isinstance(user, LazyObject):
        _ = user.is_authenticated
        return user._wrapped
    return user


def _is_before_a_transaction(request: HttpRequest) -> bool:
    """Whether a session's login is to be looked at now: what a renewal got must outlive a view that is rolled back."""
    in_transactions = any(database["ATOMIC_REQUESTS"] for database in connections.settings.values())
    return in_transactions and settings.SESSION_COOKIE_NAME in request.COOKIES


def _authenticates_itself(view: View) -> bool:
    return hasattr(getattr(view, "cls", None), "authentication_classes") or getattr(view, "bearer_exempt", False)


def _with_csrf(request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
    """Undo what `_start_anonymous` suspended, and make up for the check that CsrfViewMiddleware waved through."""
    if not hasattr(request, "_csrf_was_suspended"):  # the header came later, by a middleware of the site
        return None
    setattr(request, _SUSPENDED, request._csrf_was_suspended)
    if not getattr(request, "csrf_processing_done", False):
        return None
    request.csrf_processing_done = False  # type: ignore[attr-defined]
    return CsrfViewMiddleware(lambda _: HttpResponse()).process_view(request, view, args, kwargs)
