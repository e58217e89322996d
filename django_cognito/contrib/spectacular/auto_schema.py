"""A drf-spectacular schema class that documents the package's error responses and the required groups and scopes."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from rest_framework.permissions import AllowAny

from ...drf.schema import describe_permissions
from .scheme import BEARER

_ERROR = {
    "type": "object",
    "properties": {
        "detail": {"type": "string", "description": "A sentence for developers."},
        "code": {"type": "string", "description": "A stable code for programs, for example `token_expired`."},
        "login_url": {"type": "string", "description": "With 401: the path of the login, if the site has one."},
    },
    "required": ["detail"],
}
_DESCRIPTIONS = {
    "401": "The token is missing or is not accepted.",
    "403": "The user lacks a right that the operation requires.",
    "503": "Amazon Cognito cannot be reached. The header Retry-After states when to try again.",
}


class CognitoAutoSchema(AutoSchema):
    """Adds the responses 401, 403 and 503 and a description of the rights to operations with `CognitoAuthentication`.

    A response that the site documents itself stays. For DEFAULT_SCHEMA_CLASS, or as a base of the site's own class.
    """

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        """Return the operation; None if it is excluded."""
        operation = super().get_operation(*args, **kwargs)
        if not operation or not any(BEARER in requirement for requirement in operation.get("security", ())):
            return operation
        permissions = self.view.get_permissions()
        error = ResolvedComponent("CognitoError", ResolvedComponent.SCHEMA, _ERROR, object="CognitoError")
        self.registry.register_on_missing(error)
        content = {"application/json": {"schema": error.ref}}
        for status, description in _DESCRIPTIONS.items():
            if status != "403" or not any(isinstance(permission, AllowAny) for permission in permissions):
                operation["responses"].setdefault(status, {"description": description, "content": content})
        if requirement := describe_permissions(permissions):
            operation["description"] = f"{operation.get('description', '')}\n\n{requirement}".strip()
        return operation
