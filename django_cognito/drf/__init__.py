"""Django REST framework: authentication by bearer token, permissions by group and scope."""

from .authentication import CognitoAuthentication
from .permissions import HasScope, InGroup

__all__ = ["CognitoAuthentication", "HasScope", "InGroup"]
