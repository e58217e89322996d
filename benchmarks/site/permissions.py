"""A contestant: `user.has_perm` of a new user object, as in each request.

Options: `cognito` and `cognito-denied` use the user of a token whose Cognito group is in GROUPS; `django` and
`django-denied` use a user of the database, in a Django group with the permission.
"""

from collections.abc import Callable
from typing import Any

from ..tokens import GROUP, Scenario
from .queries import count_queries
from .sites import ANONYMOUS, PERMISSION
from .start import start

NEEDS_CHECK = False
_DENIED = "auth.delete_group"
_get_user: Callable[[str], Any]


def prepare(scenario: Scenario, option: str) -> Callable[[Any], None]:
    """Return a function that calls `has_perm` and compares its result with the expected one."""
    global _get_user
    source, _, denied = option.partition("-")
    is_cognito = source == "cognito"
    start(scenario, "django-cognito" if is_cognito else ANONYMOUS)  # the anonymous site has ModelBackend only
    _get_user = _get_user_of_token if is_cognito else _get_user_from_database
    permission = _DENIED if denied else PERMISSION

    def check_permission(user: Any) -> None:
        if user.has_perm(permission) is bool(denied):
            raise AssertionError(f"{option}: expected has_perm to return {not denied}")

    return check_permission


def make_input(raw: str) -> Any:
    """Return a user object without cached permissions."""
    return _get_user(raw)


def get_facts(call: Callable[[Any], None], scenario: Scenario) -> dict[str, tuple[int, int]]:
    """Return queries and writes of the first call."""
    _get_user(scenario.first)
    return {"new": count_queries(call, make_input(scenario.first))}


def _get_user_of_token(raw: str) -> Any:
    from django_cognito.users.authentication import authenticate

    return authenticate(raw)[0]


def _get_user_from_database(_: str) -> Any:
    from django.contrib.auth.models import User

    return User.objects.get(groups__name=GROUP)
