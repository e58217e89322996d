"""`request.cognito`, sessions that renew, and bearer tokens outside DRF. Translates; decides nothing.

With an `Authorization: Bearer` header the session is not looked at: the request starts anonymous, and either the view
authenticates it itself (DRF, `bearer_exempt`) or `process_view` does.
"""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.functional import LazyObject, SimpleLazyObject

from .answers import answer_to, json_response
from .core.errors import CognitoError, CognitoUnavailableError
from .people.authenticate import aauthenticate, authenticate
from .request import RequestCognito, bearer_token

View = Callable[..., Any]


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

    def _process_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        raw = bearer_token(request)
        if raw is None:
            return None
        if _authenticates_itself(view):
            return _with_csrf(request, view, args, kwargs)
        try:
            user, token = authenticate(raw)
        except CognitoError as error:
            return json_response(answer_to(error))
        _set_bearer(request, user, token, raw)
        return None

    async def _aprocess_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        raw = bearer_token(request)
        if raw is None:
            return None
        if _authenticates_itself(view):
            return _with_csrf(request, view, args, kwargs)
        try:
            user, token = await aauthenticate(raw)
        except CognitoError as error:
            return json_response(answer_to(error))
        _set_bearer(request, user, token, raw)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """503 where a view needed a token or a right that Cognito could not be asked for."""
        if isinstance(exception, CognitoUnavailableError):
            return json_response(answer_to(exception))
        return None


def _begin(request: HttpRequest) -> None:
    cognito = RequestCognito(request)
    request.cognito = cognito  # type: ignore[attr-defined]
    if bearer_token(request) is None:
        _wrap_session_user(request, cognito)
    else:
        _start_anonymous(request)


def _varying(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """What a token's bearer got is nobody else's to be given by a cache."""
    if bearer_token(request) is not None:
        patch_vary_headers(response, ("Authorization",))
    return response


def _wrap_session_user(request: HttpRequest, cognito: RequestCognito) -> None:
    """Look at the login when the user is first looked at, and not before: a visitor's session stays unread."""
    lazy_user, auser = request.user, request.auser

    def load() -> Any:
        return cognito.set_session(_unwrapped(lazy_user))

    async def aload() -> Any:
        # What the lazy user gives is kept: `request.user` after `await request.auser()` does no I/O.
        user = await auser()
        loaded = await cognito.aset_session(user)
        request.user = loaded
        request.auser = _answering(loaded)
        return loaded

    request.user = cast("Any", SimpleLazyObject(load))
    request.auser = aload


def _start_anonymous(request: HttpRequest) -> None:
    """Nobody yet, and no CSRF check: a header that only a script can send is no cross-site form."""
    anonymous = AnonymousUser()
    request.user = anonymous
    request.auser = _answering(anonymous)
    request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]


def _set_bearer(request: HttpRequest, user: Any, token: Any, raw: str) -> None:
    request.user = user
    request.auser = _answering(user)
    request.cognito.set_bearer(user, token, raw)  # type: ignore[attr-defined]


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


def _authenticates_itself(view: View) -> bool:
    return hasattr(getattr(view, "cls", None), "authentication_classes") or getattr(view, "bearer_exempt", False)


def _with_csrf(request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
    """Undo what `_start_anonymous` suspended, and make up for the check that CsrfViewMiddleware waved through."""
    request._dont_enforce_csrf_checks = False  # type: ignore[attr-defined]
    if not getattr(request, "csrf_processing_done", False):
        return None
    request.csrf_processing_done = False  # type: ignore[attr-defined]
    return CsrfViewMiddleware(lambda _: HttpResponse()).process_view(request, view, args, kwargs)
