"""Find, create and update the users that tokens stand for. Must not depend on sessions or requests."""

from .adapter import UserAdapter, UserRefusedError
from .authentication import aauthenticate, authenticate

__all__ = ["UserAdapter", "UserRefusedError", "aauthenticate", "authenticate"]
