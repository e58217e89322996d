"""Groups, scopes, sign-ins and live checks as DRF permissions.

The rules are in `authorization.rights`, `sessions.step_up` and `users.live_check`.
"""

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Self

from rest_framework.permissions import BasePermission, OperationHolderMixin
from rest_framework.request import Request

from ..authorization.rights import Rights, get_rights, require_names
from ..core.errors import CognitoUnavailableError
from ..sessions.step_up import MFA_ACR_VALUES, SignInRequirement, require_mfa, require_recent_sign_in
from ..users.live_check import DEFAULT_SECONDS, LiveSource, require_live_check
from ..web import live_check
from ..web.responses import ErrorResponse, error_response_for, forbidden_response
from ..web.step_up import find_problem, get_refusal
from .errors import CognitoAPIException


class _RefusingPermission(BasePermission):
    """Allows users whom `find_refusal` does not refuse, for single objects too."""

    _refusal: ErrorResponse | None = None

    def find_refusal(self, request: Request) -> ErrorResponse | None:
        """Return the error response to an authenticated user who lacks the right; otherwise None."""
        raise NotImplementedError

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the user is authenticated and has the right."""
        if not request.user or not request.user.is_authenticated:
            return False
        try:
            self._refusal = self.find_refusal(request)
        except CognitoUnavailableError as error:
            raise CognitoAPIException(error_response_for(error)) from error
        return self._refusal is None

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        """Return the result for the view: with DRF's default True, `~` would reject every object."""
        return self.has_permission(request, view)

    @property
    def message(self) -> None:
        """Read by DRF after a rejection. It cannot carry a challenge, so the error response is raised."""
        if self._refusal is not None:
            raise CognitoAPIException(self._refusal)


class _RightsPermission(_RefusingPermission):
    """Allows users whose rights satisfy `allows`; each use has a subclass."""

    allows: Callable[[Rights], bool]
    refusal: ErrorResponse
    required_groups: tuple[str, ...] = ()  # one of them; for API schemas
    required_scopes: tuple[str, ...] = ()  # all of them; for API schemas

    def find_refusal(self, request: Request) -> ErrorResponse | None:
        """Return the 403 response if the user lacks the right; otherwise None."""
        return None if self.allows(get_rights(request.user)) else self.refusal


class _StepUpPermission(_RefusingPermission):
    """Allows users whose sign-in fulfils `requirement`."""

    requirement: SignInRequirement

    def find_refusal(self, request: Request) -> ErrorResponse | None:
        """Return the 401 or 403 response if the sign-in is not sufficient; otherwise None."""
        problem = find_problem(request, self.requirement)
        return get_refusal(self.requirement, problem) if problem else None


def RecentSignIn(seconds: int) -> type[BasePermission]:  # noqa: N802 - a permission class, used like one
    """Return a permission class: the user signed in at Cognito in the last `seconds`. Refreshing is no sign-in.

    401, code "insufficient_user_authentication", with `max_age` in WWW-Authenticate and in the body (RFC 9470).
    """
    return type("RecentSignIn", (_StepUpPermission,), {"requirement": require_recent_sign_in(seconds)})


class RequiresMfa(OperationHolderMixin, _StepUpPermission):
    """A permission: the user signed in with a second factor. For `permission_classes`, with or without arguments.

    `when` gets the request and returns whether the rule applies. `acr_values` and `recent_sign_in_seconds` are those of
    `mfa_required`.
    401, code "insufficient_user_authentication", with `acr_values` in WWW-Authenticate and in the body (RFC 9470).
    """

    def __init__(
        self,
        *,
        when: Callable[[Request], bool] | None = None,
        acr_values: Sequence[str] = MFA_ACR_VALUES,
        recent_sign_in_seconds: int | None = None,
    ) -> None:
        self._arguments: Any = {"acr_values": acr_values, "recent_sign_in_seconds": recent_sign_in_seconds}
        self.when, self.requirement = when, require_mfa(acr_values, recent_sign_in_seconds)

    def __call__(self) -> Self:
        """Return a new permission with the same arguments: DRF calls each item of `permission_classes`."""
        return type(self)(when=self.when, **self._arguments)

    def find_refusal(self, request: Request) -> ErrorResponse | None:
        """Return the 401 or 403 response if the rule applies and the sign-in is not sufficient; otherwise None."""
        is_applied = self.when is None or self.when(request)
        return super().find_refusal(request) if is_applied else None


class LiveCheck(OperationHolderMixin, _RefusingPermission):
    """A permission: Cognito accepts the user now. For `permission_classes`, with or without arguments.

    The arguments are those of `live_check_required`. 401, code "user_disabled_in_cognito", "token_revoked" or
    "login_ended"; 403, code "group_required"; 503 with Retry-After if Cognito does not answer. Write it last in
    `permission_classes`: it may send a request.
    """

    def __init__(
        self, *, by: LiveSource = "get_user", seconds: int = DEFAULT_SECONDS, groups: Sequence[str] | None = None
    ) -> None:
        self._live_requirement = require_live_check(by, seconds, groups)
        self.required_groups = self._live_requirement.groups  # for API schemas

    def __call__(self) -> Self:
        """Return a new permission with the same arguments: DRF calls each item of `permission_classes`."""
        return copy(self)

    def find_refusal(self, request: Request) -> ErrorResponse | None:
        """Return the 401 or 403 response if Cognito does not accept the user; otherwise None."""
        return live_check.find_refusal(request, self._live_requirement)


def InGroup(*names: str) -> type[BasePermission]:  # noqa: N802
    """Return a permission class: the user is in one of the Cognito groups `names`. 403, code "group_required".

    `~InGroup(...)` is true for an anonymous user: write `IsAuthenticated & ~InGroup(...)`.
    """
    groups = require_names(names)
    allows, refusal = lambda rights: rights.in_group(*groups), forbidden_response("group_required")
    return _required("InGroup", allows, refusal, required_groups=groups)


def HasScope(*names: str) -> type[BasePermission]:  # noqa: N802
    """Return a permission class: the token has all of the scopes `names`. 403, code "scope_required"."""
    scopes = require_names(names)
    allows, refusal = lambda rights: rights.has_scope(*scopes), forbidden_response("scope_required", scopes=scopes)
    return _required("HasScope", allows, refusal, required_scopes=scopes)


def _required(
    name: str, allows: Callable[[Rights], bool], refusal: ErrorResponse, **names: tuple[str, ...]
) -> type[BasePermission]:
    return type(name, (_RightsPermission,), {"allows": staticmethod(allows), "refusal": refusal, **names})
