"""Django REST framework: tokens in, permissions by group and scope."""

from .authentication import CognitoAuthentication
from .permissions import HasScope, InGroup

__all__ = ["CognitoAuthentication", "HasScope", "InGroup"]
