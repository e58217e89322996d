"""Django REST framework: authentication by token, permissions by group, scope, sign-in and live check, errors."""

from .authentication import CognitoAuthentication
from .errors import exception_handler
from .permissions import HasScope, InGroup, LiveCheck, RecentSignIn, RequiresMfa

__all__ = [
    "CognitoAuthentication",
    "HasScope",
    "InGroup",
    "LiveCheck",
    "RecentSignIn",
    "RequiresMfa",
    "exception_handler",
]
