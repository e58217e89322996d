"""Django REST framework: authentication by token, permissions by group and scope, errors with a code."""

from .authentication import CognitoAuthentication
from .errors import exception_handler
from .permissions import HasScope, InGroup

__all__ = ["CognitoAuthentication", "HasScope", "InGroup", "exception_handler"]
