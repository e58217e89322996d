"""A contestant: the check for revocations, which each request makes, of a verified token or of a session's login.

The option is the site and "token", "login" or "get_many", separated by a space. The last is the cache alone, without
the package: the names that one check reads.
"""

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from ..slices import catch_error
from ..tokens import Scenario
from .start import start

NEEDS_CHECK = False  # `prepare` checks that a revoked token is rejected
_NAMES = [f"django_cognito.revoked.{number:064x}" for number in range(4)]
_make_input: Callable[[str], Any]


def prepare(scenario: Scenario, option: str) -> Callable[[Any], object]:
    """Return the function that checks a token or a login, or that reads the cache."""
    global _make_input
    site, subject = option.split()
    start(scenario, site)
    from django.core.cache import caches

    from django_cognito.sessions.ending.sign_out import require_accepted
    from django_cognito.users.revocation import check_token

    _check_rejection(check_token, scenario.tokens[-1])
    _make_input = {"token": _verify, "login": _create_login, "get_many": lambda _: _NAMES}[subject]
    calls: dict[str, Callable[[Any], object]] = {
        "token": check_token,
        "login": require_accepted,
        "get_many": caches["default"].get_many,
    }
    return calls[subject]


def make_input(raw: str) -> Any:
    """Return the verified token, or the login as a request has read it."""
    return _make_input(raw)


def get_facts(call: Callable[[Any], object], scenario: Scenario) -> dict[str, int]:
    """Return how often the cache is read for a new token, and for the same one again."""
    from django.core.cache import caches

    argument, cache = make_input(scenario.tokens[-2]), caches["default"]
    with patch.object(cache, "get_many", wraps=cache.get_many) as get_many:
        call(argument)
        first = get_many.call_count
        call(argument)
        return {"first": first, "next": get_many.call_count - first}


def _verify(raw: str) -> Any:
    from django_cognito.factories import get_verifier

    return get_verifier().verify(raw)


def _create_login(raw: str) -> Any:
    """Return a login of the token, with its link row; neither is stored."""
    from django_cognito.models import CognitoLogin, CognitoUser

    token = _verify(raw)
    link = CognitoUser(user_pool_id=token.user_pool_id, sub=token.sub)
    return CognitoLogin(cognito_user=link, origin_jti=token.origin_jti)


def _check_rejection(check_token: Callable[[Any], object], raw: str) -> None:
    """Raise an error unless the token is accepted before its sign-in is revoked, and rejected after it."""
    from django_cognito.core.clock import utc_now
    from django_cognito.users.revocation_list import get_revocation_list, get_sign_in, to_milliseconds

    token, revocations = _verify(raw), get_revocation_list()
    check_token(token)
    sign_in = get_sign_in(token.user_pool_id, token.origin_jti, None)
    revocations.add({sign_in: to_milliseconds(utc_now())})
    error = catch_error(check_token, token)
    revocations.remove(sign_in)  # the cache is not left with an entry
    if error is None:
        raise AssertionError("the site accepted a revoked token")
