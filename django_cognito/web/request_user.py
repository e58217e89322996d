"""Read and set the user of a request, for sync and async code. Must not depend on `request.cognito`."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.http import HttpRequest


def set_user(request: HttpRequest, user: Any) -> None:
    """Make `user` the request's user, for sync and async readers."""
    request.user, request.auser = user, make_auser(user)


def make_auser(user: Any) -> Callable[[], Awaitable[Any]]:
    """Return a `request.auser` for a loaded user."""

    async def auser() -> Any:
        return user

    return auser


def is_user_loaded(request: HttpRequest) -> bool:
    """Return whether an earlier middleware has loaded Django's user: it may differ from the database by now."""
    return hasattr(request, "_cached_user") or hasattr(request, "_acached_user")


def share_loaded_user(request: HttpRequest) -> None:
    """Let Django's sync and async readers return the same object: an earlier middleware may already have loaded it."""
    for loaded, other in (("_cached_user", "_acached_user"), ("_acached_user", "_cached_user")):
        if hasattr(request, loaded) and not hasattr(request, other):
            setattr(request, other, getattr(request, loaded))
