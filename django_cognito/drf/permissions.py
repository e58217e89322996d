"""Groups and scopes as DRF permissions. Translates `people.rights`; decides nothing."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from ..answers import answer_to, forbidden
from ..core.errors import CognitoUnavailableError
from ..people.rights import Rights, rights_of
from .errors import CognitoAPIException


class _RightsPermission(BasePermission):
    """Passes whose rights `allows` says so; a subclass a use."""

    def allows(self, rights: Rights) -> bool:
        raise NotImplementedError

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the caller is somebody with the right."""
        if not request.user or not request.user.is_authenticated:
            return False
        try:
            return self.allows(rights_of(request.user))
        except CognitoUnavailableError as error:
            raise CognitoAPIException(answer_to(error)) from error


def InGroup(*names: str) -> type[BasePermission]:  # noqa: N802 - a permission class, used like one
    """A permission class: the caller is in one of the Cognito groups `names`. 403, code "group_required"."""
    if not names:
        raise TypeError("name at least one group")

    class CallerInGroup(_RightsPermission):
        message = forbidden("group_required").body
        code = "group_required"

        def allows(self, rights: Rights) -> bool:
            return rights.in_group(*names)

    return CallerInGroup


def HasScope(*names: str) -> type[BasePermission]:  # noqa: N802
    """A permission class: the caller's token carries every one of the scopes `names`. 403, code "scope_required"."""
    if not names:
        raise TypeError("name at least one scope")

    class CallerHasScope(_RightsPermission):
        message = forbidden("scope_required", scopes=names).body
        code = "scope_required"

        def allows(self, rights: Rights) -> bool:
            return rights.has_scope(*names)

    return CallerHasScope
