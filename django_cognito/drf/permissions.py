"""Groups and scopes as DRF permissions. The rules are in `authorization.rights`."""

from collections.abc import Callable
from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from ..authorization.rights import Rights, get_rights, require_names
from ..core.errors import CognitoUnavailableError
from ..web.responses import ErrorResponse, error_response_for, forbidden_response
from .errors import CognitoAPIException


class _RightsPermission(BasePermission):
    """Allows users whose rights satisfy `allows`, for single objects too; each use has a subclass."""

    allows: Callable[[Rights], bool]
    refusal: ErrorResponse
    required_groups: tuple[str, ...] = ()  # one of them; for API schemas
    required_scopes: tuple[str, ...] = ()  # all of them; for API schemas
    _is_refused = False

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the user is authenticated and has the right."""
        if not request.user or not request.user.is_authenticated:
            return False
        try:
            allowed = self.allows(get_rights(request.user))
        except CognitoUnavailableError as error:
            raise CognitoAPIException(error_response_for(error)) from error
        self._is_refused = not allowed
        return allowed

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        """Return the result for the view: with DRF's default True, `~` would reject every object."""
        return self.has_permission(request, view)

    @property
    def message(self) -> None:
        """Read by DRF after a rejection. It cannot carry a challenge, so the error response is raised."""
        if self._is_refused:
            raise CognitoAPIException(self.refusal)


def InGroup(*names: str) -> type[BasePermission]:  # noqa: N802 - a permission class, used like one
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
