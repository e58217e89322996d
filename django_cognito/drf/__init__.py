"""Django REST framework: authentication by token, permissions by group, scope and sign-in, errors with a code."""

from .authentication import CognitoAuthentication
from .errors import exception_handler
from .permissions import HasScope, InGroup, RecentSignIn, RequiresMfa

__all__ = ["CognitoAuthentication", "HasScope", "InGroup", "RecentSignIn", "RequiresMfa", "exception_handler"]
