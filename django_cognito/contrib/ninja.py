"""Django Ninja: authentication by bearer token or by session, with required groups, scopes, sign-ins and live checks.

Must not verify tokens itself: see `users.authentication`. A request is authenticated by its bearer token or by its
session, never by both: `CognitoSession` does not read the session of a request with a bearer token.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError
from ninja.security.base import AuthBase
from ninja.utils import check_csrf

from ..authorization.rights import Rights, aget_rights, get_rights, require_names
from ..core.errors import CognitoError, CognitoUnavailableError, CredentialsError, SignInError
from ..core.tracebacks import clear_frame_locals
from ..sessions.step_up import (
    MFA_ACR_VALUES,
    NO_REQUIREMENT,
    SignInRequirement,
    require_mfa,
    require_recent_sign_in,
)
from ..users.authentication import aauthenticate, authenticate
from ..users.live_check import LiveCheckArguments, LiveRequirement, require_live_check
from ..users.writing.provisioning import Token
from ..web import step_up
from ..web.bearer import HeaderToken, find_token, read_tokens
from ..web.live_check import afind_refusal, find_refusal
from ..web.pool_selection import aget_accepted_pool_ids, get_accepted_pool_ids
from ..web.request import RequestCognito
from ..web.responses import ErrorResponse, error_response_for, forbidden_response, json_response, not_authenticated

logger = logging.getLogger(__name__)


class CognitoHttpError(HttpError):
    """An error response with status 401, 403 or 503.

    Without `add_error_handlers` Ninja sends its status and sentence, without code and headers.
    """

    def __init__(self, response: ErrorResponse) -> None:
        super().__init__(response.status, str(response.sentence))
        self.response = response


def add_error_handlers(api: NinjaAPI) -> None:
    """Let `api` send the package's error responses: `detail`, a stable `code`, WWW-Authenticate and Retry-After."""

    def respond(request: HttpRequest, error: Any) -> HttpResponse:
        return json_response(error.response)

    def respond_to_anonymous(request: HttpRequest, error: Any) -> HttpResponse:
        return json_response(not_authenticated(request))

    def respond_to_ended_login(request: HttpRequest, error: Any) -> HttpResponse:
        """Respond to `request.cognito.refresh()` of a login that has ended."""
        is_ended = bool(getattr(getattr(request, "cognito", None), "ended_code", ""))
        return json_response(not_authenticated(request) if is_ended else error_response_for(error))

    def respond_to_view_error(request: HttpRequest, error: Any) -> HttpResponse:
        # As CognitoMiddleware does, which does not see an error that Ninja handles.
        logger.warning("%s: %s", error.code, error)
        return json_response(error_response_for(error))

    api.add_exception_handler(CognitoHttpError, respond)
    api.add_exception_handler(AuthenticationError, respond_to_anonymous)
    api.add_exception_handler(CognitoUnavailableError, respond_to_view_error)
    api.add_exception_handler(CredentialsError, respond_to_view_error)
    api.add_exception_handler(SignInError, respond_to_ended_login)


class SignInArguments(TypedDict, total=False):
    """The arguments of both classes about the sign-in and the live check; see CognitoBearer."""

    recent_sign_in_seconds: int | None
    requires_mfa: bool
    acr_values: Sequence[str]
    live_check: LiveCheckArguments


@dataclass(frozen=True, slots=True)
class _RequiredRights:
    """What an operation requires: one of `groups`, all of `scopes`, a sign-in that fulfils `sign_in`, and `live`."""

    groups: tuple[str, ...]
    scopes: tuple[str, ...] = ()
    sign_in: SignInRequirement = NO_REQUIREMENT
    live: LiveRequirement | None = None

    def check(self, request: HttpRequest, rights: Rights) -> None:
        """Raise CognitoHttpError (401, 403) if one is missing, CognitoUnavailableError if it cannot be determined."""
        if self.groups and not rights.in_group(*self.groups):
            raise CognitoHttpError(forbidden_response("group_required"))
        if self.scopes and not rights.has_scope(*self.scopes):
            raise CognitoHttpError(forbidden_response("scope_required", scopes=self.scopes))
        if self.sign_in.params and (problem := step_up.find_problem(request, self.sign_in)):
            raise CognitoHttpError(step_up.get_refusal(self.sign_in, problem))

    def check_live(self, request: HttpRequest) -> None:
        """Raise as `check` does, by the answer of Cognito."""
        if self.live is not None and (refusal := find_refusal(request, self.live)) is not None:
            raise CognitoHttpError(refusal)

    async def acheck_live(self, request: HttpRequest) -> None:
        """Async version of `check_live`."""
        if self.live is not None and (refusal := await afind_refusal(request, self.live)) is not None:
            raise CognitoHttpError(refusal)


class CognitoBearer(AuthBase):
    """Authentication by a token in a header of TOKEN_SOURCES; `request.auth` is the token.

    Sets `request.user` and `request.cognito`. `groups`: the user is in one of them. `scopes`: the token has all of
    them. Works with and without CognitoMiddleware, for sync and async operations.

    `recent_sign_in_seconds`: the user signed in at Cognito in the last seconds. `requires_mfa`: with a second factor;
    `acr_values` are the levels, as for `mfa_required`. Otherwise 401 with a challenge (RFC 9470).
    `live_check={"by": "get_user"}`: Cognito accepts the user now; the keys are those of `live_check_required`.
    """

    # Not Ninja's HttpBearer: with DEBUG it writes a header that it cannot read to the log.
    openapi_type = "http"
    openapi_scheme = "bearer"

    def __init__(
        self, *, groups: Sequence[str] = (), scopes: Sequence[str] = (), **sign_in: Unpack[SignInArguments]
    ) -> None:
        super().__init__()
        self.openapi_security_schema["bearerFormat"] = "JWT"
        self.is_async = True  # Ninja awaits the result in an async operation, and uses it in a sync one
        names = _read_names("groups", groups), _read_names("scopes", scopes)
        self._required = _RequiredRights(*names, *_read_requirements(**sign_in))

    @clear_frame_locals
    def __call__(self, request: HttpRequest) -> Token | Awaitable[Token | None] | None:
        """Return the verified token, or in an event loop its awaitable; None without a bearer token.

        Raises CognitoHttpError: 401 if the token or its header is rejected, 403 without the required rights or, for a
        token of a load balancer, without a CSRF token, 503 with Retry-After if Cognito cannot be reached.
        """
        header_token = find_token(request)
        if header_token is None:
            return None
        if _is_in_event_loop():
            return self._aauthenticate(request, header_token)
        try:
            if header_token.needs_csrf_check:
                _require_csrf_token(request)
            cognito = _find_bearer(request, header_token.raw)
            if cognito is None:
                raw, raw_id_token = read_tokens(request, header_token)
                accepted = get_accepted_pool_ids(request)
                user, token = authenticate(raw, id_token=raw_id_token, user_pool_ids=accepted)
                cognito = _set_bearer(request, user, token, raw, raw_id_token)
            self._required.check(request, get_rights(request.user))
            self._required.check_live(request)
        except CognitoError as error:
            raise CognitoHttpError(error_response_for(error)) from error
        return cognito.token

    @clear_frame_locals
    async def _aauthenticate(self, request: HttpRequest, header_token: HeaderToken) -> Token | None:
        try:
            if header_token.needs_csrf_check:
                await sync_to_async(_require_csrf_token)(request)
            cognito = _find_bearer(request, header_token.raw)
            if cognito is None:
                raw, raw_id_token = read_tokens(request, header_token)
                accepted = await aget_accepted_pool_ids(request)
                user, token = await aauthenticate(raw, id_token=raw_id_token, user_pool_ids=accepted)
                cognito = _set_bearer(request, user, token, raw, raw_id_token)
            self._required.check(request, await aget_rights(request.user))
            await self._required.acheck_live(request)
        except CognitoError as error:
            raise CognitoHttpError(error_response_for(error)) from error
        return cognito.token


class CognitoSession(AuthBase):
    """Authentication by the session of a browser login, with Django's CSRF check; requires CognitoMiddleware.

    `request.auth` is the user, as with Ninja's own `django_auth`. `groups`: the user is in one of them. The arguments
    about the sign-in are those of CognitoBearer. A request with a bearer token is not authenticated.
    """

    openapi_type = "apiKey"
    openapi_in = "cookie"
    csrf = True  # Ninja's docs page then sends the CSRF token

    def __init__(self, *, groups: Sequence[str] = (), **sign_in: Unpack[SignInArguments]) -> None:
        super().__init__()
        self.openapi_security_schema["name"] = settings.SESSION_COOKIE_NAME
        self.is_async = True
        self._required = _RequiredRights(_read_names("groups", groups), (), *_read_requirements(**sign_in))

    def __call__(self, request: HttpRequest) -> Any:
        """Return the session's user, or in an event loop its awaitable; None for an anonymous user.

        Raises CognitoHttpError: 403 without a valid CSRF token or without the required group, 503 with Retry-After if
        the session needs Cognito and it cannot be reached.
        """
        if find_token(request) is not None:
            return None
        if not hasattr(request, "cognito"):
            message = (
                "CognitoSession requires CognitoMiddleware, which refreshes and ends sessions. Add"
                " 'django_cognito.middleware.CognitoMiddleware' to MIDDLEWARE after AuthenticationMiddleware."
            )
            raise ImproperlyConfigured(message)
        if _is_in_event_loop():
            return self._aauthenticate(request)
        try:
            user: Any = request.user
            if not user.is_authenticated:
                return None
            _require_csrf_token(request)
            self._required.check(request, get_rights(user))
            self._required.check_live(request)
        except CognitoError as error:
            raise CognitoHttpError(error_response_for(error)) from error
        return user

    async def _aauthenticate(self, request: HttpRequest) -> Any:
        try:
            user: Any = await request.auser()
            if not user.is_authenticated:
                return None
            await sync_to_async(_require_csrf_token)(request)  # CSRF_USE_SESSIONS reads the session
            self._required.check(request, await aget_rights(user))
            await self._required.acheck_live(request)
        except CognitoError as error:
            raise CognitoHttpError(error_response_for(error)) from error
        return user


def _read_names(argument: str, names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise TypeError(f'{argument} takes a list of names, and {names!r} is one string: {argument}=["{names}"]')
    return require_names(tuple(names)) if names else ()


def _read_requirements(
    recent_sign_in_seconds: int | None = None,
    requires_mfa: bool = False,
    acr_values: Sequence[str] = MFA_ACR_VALUES,
    live_check: LiveCheckArguments | None = None,
) -> tuple[SignInRequirement, LiveRequirement | None]:
    live = None if live_check is None else require_live_check(**live_check)
    if requires_mfa:
        return require_mfa(acr_values, recent_sign_in_seconds), live
    return NO_REQUIREMENT if recent_sign_in_seconds is None else require_recent_sign_in(recent_sign_in_seconds), live


def _is_in_event_loop() -> bool:
    """Return whether this thread runs an event loop: Ninja runs sync operations in threads without one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _find_bearer(request: Any, raw: str) -> RequestCognito | None:
    """Return `request.cognito` if CognitoMiddleware has authenticated `raw`; a `bearer_exempt` view does it itself."""
    cognito: RequestCognito | None = getattr(request, "cognito", None)
    return cognito if cognito is not None and cognito.is_bearer and cognito.raw == raw else None


def _set_bearer(request: Any, user: Any, token: Token, raw: str, raw_id_token: str | None) -> RequestCognito:
    """Make the verified token's user the request's user. Without CognitoMiddleware, add `request.cognito`."""
    cognito: RequestCognito | None = getattr(request, "cognito", None)
    if cognito is None:
        cognito = request.cognito = RequestCognito(request)
        # The middleware would set the Vary header. Without it, Django's cache must not store the user's response.
        request._cache_update_cache = False
    cognito.set_bearer(user, token, raw, raw_id_token)
    return cognito


def _require_csrf_token(request: HttpRequest) -> None:
    """Raise CognitoHttpError (403) without a valid CSRF token, also if the operation is marked `csrf_exempt`.

    Ninja exempts its views from CsrfViewMiddleware.
    """
    if check_csrf(request) is not None:
        raise CognitoHttpError(forbidden_response("csrf_failed"))
