"""Find, create and update the users that tokens stand for. Must not depend on sessions or requests."""

from .accounts.adapter import UserAdapter, UserRefusedError
from .authentication import aauthenticate, authenticate
from .existing_users import LinkReport, UserLink, link_users

__all__ = [
    "LinkReport",
    "UserAdapter",
    "UserLink",
    "UserRefusedError",
    "aauthenticate",
    "authenticate",
    "link_users",
]
