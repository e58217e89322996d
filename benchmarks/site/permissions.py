"""A contestant: `user.has_perm` on a user object of its own, as each request has one. OPTION: who asks for what.

`ours` and `ours-denied`: the user of a token whose Cognito group is mapped; `django` and `django-denied`: a user of the
database, in a Django group with the permission.
"""

from collections.abc import Callable
from typing import Any

from ..tokens import GROUP, Scene
from .queries import count_queries
from .sites import PERMISSION
from .start import start

proves = False
_DENIED = "auth.delete_group"
_user_of: Callable[[str], Any]


def prepare(scene: Scene, option: str) -> Callable[[Any], None]:
    """One `has_perm`, held against what it must answer."""
    global _user_of
    who, _, denied = option.partition("-")
    start(scene, "ours" if who == "ours" else "open")  # the other knows ModelBackend alone
    _user_of = _by_token if who == "ours" else _from_database
    permission = _DENIED if denied else PERMISSION

    def ask(user: Any) -> None:
        if user.has_perm(permission) is bool(denied):
            raise AssertionError(f"{option}: the wrong answer")

    return ask


def ready(raw: str) -> Any:
    """A user object that nobody has asked yet."""
    return _user_of(raw)


def facts(call: Callable[[Any], None], scene: Scene) -> dict[str, tuple[int, int]]:
    """Queries and writes of the first question."""
    _user_of(scene.first)
    return {"new": count_queries(call, ready(scene.first))}


def _by_token(raw: str) -> Any:
    from django_cognito.users.authentication import authenticate

    return authenticate(raw)[0]


def _from_database(_: str) -> Any:
    from django.contrib.auth.models import User

    return User.objects.get(groups__name=GROUP)
