"""The live check at the entry points: whom to check, and the response to a user whom Cognito does not accept.

The rule is in `users.live_check`. A request whose user cannot be checked is refused.
"""

import logging
from dataclasses import replace
from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from ..authorization.tenants import list_counting_groups
from ..conf.loading import get_pool_registry
from ..core import ClientToken, IdToken
from ..core.errors import CognitoUnavailableError, RevokedTokenError, TokenError, TokenUseError
from ..users.live_check import ACCEPTED, LiveCheck, LiveRequirement, Verdict, acheck_user, check_user
from ..users.rejected_tokens import report_rejection
from ..users.revocation import DISABLED_CODE
from .bearer import find_token, is_api_client
from .error_page import respond_to_error
from .responses import ErrorResponse, error_response_for, forbidden_response, json_response, not_authenticated
from .resubmission import mark_interrupted
from .script_responses import respond_to_ended_login
from .step_up import require_middleware

_SCOPE = "aws.cognito.signin.user.admin"  # of GetUser
_log = logging.getLogger(__name__)


def find_refusal(request: Any, requirement: LiveRequirement) -> ErrorResponse | None:
    """Return the error response if Cognito does not accept the request's user, or if there is none; otherwise None.

    A session whose user is rejected has ended then. I/O as of `check_user`.
    Raises CognitoUnavailableError if it cannot be determined.
    """
    check = _create_check(request, requirement)
    return check if isinstance(check, ErrorResponse) else _apply(request, check_user(check))


async def afind_refusal(request: Any, requirement: LiveRequirement) -> ErrorResponse | None:
    """Async version of `find_refusal`."""
    await request.auser()
    check = _create_check(request, requirement)
    if isinstance(check, ErrorResponse):
        return check
    verdict = await acheck_user(check)
    return None if verdict == ACCEPTED else await sync_to_async(_apply)(request, verdict)


def find_response(request: HttpRequest, requirement: LiveRequirement) -> HttpResponse | None:
    """Return the response to a request that must not reach its view; None if it may.

    An anonymous user and one whose session has ended are redirected to the login. A script and a request with a token
    get 401 as JSON. Other refusals are 403; in an outage the response is 503.
    Raises PermissionDenied for a page that is 403; ImproperlyConfigured without CognitoMiddleware.
    """
    require_middleware(request)
    try:
        refusal = find_refusal(request, requirement)
    except CognitoUnavailableError as error:
        return _respond_to_outage(request, error)
    return None if refusal is None else _respond(request, refusal)


async def afind_response(request: HttpRequest, requirement: LiveRequirement) -> HttpResponse | None:
    """Async version of `find_response`."""
    require_middleware(request)
    try:
        refusal = await afind_refusal(request, requirement)
    except CognitoUnavailableError as error:
        return await sync_to_async(_respond_to_outage)(request, error)
    return None if refusal is None else await sync_to_async(_respond)(request, refusal)


def _create_check(request: Any, requirement: LiveRequirement) -> LiveCheck | ErrorResponse:
    """Return the check of the request's user, or the response if there is nothing to check. In an async view no I/O."""
    cognito: Any = getattr(request, "cognito", None)
    if not request.user.is_authenticated:
        return not_authenticated(request)
    token = None if cognito is None else cognito.token
    if token is None:  # a local password, a hijacked session, or another package's authentication
        return forbidden_response("cognito_login_required")
    if isinstance(token, ClientToken):
        return forbidden_response("user_required")
    if requirement.by == "directory":
        settings = get_pool_registry().for_token(token.user_pool_id)
        groups = list_counting_groups(requirement.groups, settings, cognito.tenant)
        if settings.tenant is not None and not settings.tenant.group_prefix and cognito.tenant is not None:
            # The directory does not state the tenant of a group: it may be granted for another one.
            groups = tuple(name for name in groups if name in cognito.groups)
        if requirement.groups and not groups:  # all of them are groups of other tenants
            return forbidden_response("group_required")
        return LiveCheck(replace(requirement, groups=groups), token, cognito.sign_in_id)
    if isinstance(token, IdToken):
        _log.warning("A live check by GetUser requires an access token; for ID tokens, use by='directory'.")
        message = "GetUser requires an access token"
        return error_response_for(TokenUseError(message, claim="token_use", actual="id", expected="access"))
    if _SCOPE not in token.scopes:
        _log.warning(
            "A live check by GetUser requires the scope %s in the access token (app client %s). Add it to SCOPES and to"
            " the scopes of the app client, or use by='directory'.",
            _SCOPE,
            token.client_id,
        )
        return forbidden_response("scope_required", scopes=(_SCOPE,))
    return LiveCheck(requirement, token, cognito.sign_in_id, cognito.raw)


def _apply(request: Any, verdict: Verdict) -> ErrorResponse | None:
    """Return the response to Cognito's answer, and end the session of a rejected user.

    Raises CognitoUnavailableError if there is no answer.
    """
    if verdict == ACCEPTED:
        return None
    if verdict.retry_after:
        message = "Cognito did not answer a live check"
        raise CognitoUnavailableError(message, code=verdict.error_code, retry_after=verdict.retry_after)
    if verdict.error_code == "group_required":
        return forbidden_response("group_required")
    if not request.cognito.is_bearer:
        request.cognito.end_rejected_login()
        return not_authenticated(request)
    message = "Cognito rejects the user of the token"
    is_revoked = verdict.error_code == RevokedTokenError.code
    error = RevokedTokenError(message) if is_revoked else TokenError(message, code=DISABLED_CODE)
    report_rejection(error)
    return error_response_for(error)


def _respond_to_outage(request: HttpRequest, error: CognitoUnavailableError) -> HttpResponse:
    _log.warning("%s: %s", error.code, error)
    return respond_to_error(request, error, is_view_called=False)


def _respond(request: HttpRequest, refusal: ErrorResponse) -> HttpResponse:
    if is_api_client(request) or (refusal.status == 401 and find_token(request) is not None):
        return json_response(refusal)
    if refusal.status == 401:
        return mark_interrupted(respond_to_ended_login(request))
    raise PermissionDenied(str(refusal.sentence))
