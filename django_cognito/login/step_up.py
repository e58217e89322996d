"""Step-up at the login: whether it may start, and whether the new sign-in is what was required.

The result is checked, because Cognito may ignore the request: managed login in the tier Lite ignores `acr_values`, the
classic hosted UI `prompt` and `max_age`. A sign-in that is not sufficient gets a page, never a further redirect.
"""

from django.http import HttpRequest, QueryDict

from ..conf.schema import CognitoSettings
from ..core import AccessToken, IdToken
from ..core.clock import unix_time
from ..core.errors import CognitoError, SignInError
from ..sessions import store
from ..sessions.step_up import SignInRequirement
from ..web import sign_in_cookies
from .state import PendingSignIn

PAGE = "step_up"  # a sign-in that started at this page must fulfil its parameters
CODES = ("sign_in_too_old", "mfa_missing")
# How the authorization endpoint reports that the user cannot reach a level: Cognito's way is not documented. OpenID
# Connect "Unmet Authentication Requirements" 2 has an error of its own. With RFC 6749 4.1.2.1, the same error may also
# be a refusal, and the description names the "authentication context class" (`acr`, OpenID Connect Core 2).
_UNMET, _DENIED = "unmet_authentication_requirements", "access_denied"
_CONTEXT_CLASS = "authentication context class"


def check_start(request: HttpRequest, requirement: SignInRequirement, next_url: str) -> None:
    """Raise SignInError if a redirect to Cognito could surprise the user, or would be one of a redirect loop.

    A user with a local password may sign in with another account at Cognito, and so become another user. A page that
    redirects after each of three sign-ins in a row does not read the new sign-in.
    """
    if store.get_local_user(request) is not None:
        raise SignInError("the session has a local password and no sign-in at Cognito", code=requirement.code)
    if sign_in_cookies.is_returned_by_page(request, next_url):
        raise SignInError("the page required a new sign-in after each of three sign-ins", code=requirement.code)


def check_result(
    token: AccessToken, profile: IdToken | None, pending: PendingSignIn, settings: CognitoSettings
) -> None:
    """Check the sign-in against the parameters that were sent. Raises SignInError if it is not sufficient.

    `max_age` always counts (OpenID Connect Core 3.1.2.1); `acr_values` are voluntary unless the sign-in is a step-up.
    Some sign-ins require that the user signed in after the request: a hosted UI without managed login ignores `prompt`,
    and its session may belong to another user.
    """
    requirement = SignInRequirement.from_params(pending.authorize_params)
    if pending.page != PAGE:
        requirement = SignInRequirement(requirement.max_age_seconds)
    problem = requirement.find_problem(token, profile, now=unix_time(), leeway_seconds=settings.leeway_seconds)
    signed_in_at = token.claims.get("auth_time", 0)
    if pending.needs_new_sign_in and signed_in_at < pending.started_at - settings.leeway_seconds:
        problem = "sign_in_too_old"
    if problem == "sign_in_too_old":
        raise SignInError("the user signed in longer ago than allowed", code=problem)
    if problem:
        reached = token.claims.get("acr")
        raise SignInError(f"the sign-in has the level {reached!r}, and none of {requirement.acr_values}", code=problem)


def explain_error(error: CognitoError, pending: PendingSignIn | None, query: QueryDict) -> CognitoError:
    """Return `error`, or the error "mfa_missing" if Cognito reports that the user cannot reach the level.

    The login of an anonymous user requests a level too. `query` is the callback's; without a pending sign-in it is not
    trusted.
    """
    if pending is None or "acr_values" not in pending.authorize_params or not isinstance(error, SignInError):
        return error
    is_about_level = pending.page == PAGE or _CONTEXT_CLASS in query.get("error_description", "").lower()
    if error.oauth_error == _UNMET or (error.oauth_error == _DENIED and is_about_level):
        return SignInError(str(error), oauth_error=error.oauth_error, code="mfa_missing")
    return error
