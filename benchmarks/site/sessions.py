"""Session logins of a site. `python -m benchmarks.site.sessions` writes the session keys of all users to a file."""

import os
from pathlib import Path
from typing import Any

from ..tokens import USERS, Scenario
from .start import start


def create_session(scenario: Scenario, number: int, *, is_due: bool = False) -> str:
    """Sign the user of the sign-in `number` in and return the session key; `is_due`: the next request refreshes."""
    from django.conf import settings
    from django.contrib.auth import login
    from django.contrib.auth.models import AnonymousUser, User
    from django.contrib.sessions.backends.db import SessionStore
    from django.http import HttpRequest

    request: Any = HttpRequest()
    request.user, request.session = AnonymousUser(), SessionStore()
    if "django_cognito" in settings.INSTALLED_APPS:
        _start_login(request, scenario, number, is_due)
    else:
        user = User.objects.order_by("pk")[number if number < USERS else 0]
        # The lifetime that SessionRefresh checks; other sites ignore it.
        request.session["oidc_id_token_expiration"] = 2**40
        login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    request.session.save()
    return str(request.session.session_key)


def _start_login(request: Any, scenario: Scenario, number: int, is_due: bool) -> None:
    from django_cognito.core.clock import utc_now
    from django_cognito.core.hosted_ui import TokenSet
    from django_cognito.models import CognitoLogin
    from django_cognito.sessions.sign_in import start_login
    from django_cognito.users.authentication import get_or_create_user, verify

    access, identity = scenario.sign_ins[number]
    token, profile = verify(access, token_use="access", id_token=identity)
    user, _ = get_or_create_user(token, profile)
    # The loopback server responds with the tokens of this number: the first user has more recent ones.
    refresh_token = str(number if number < USERS else number + 1)
    login = start_login(request, user, token, TokenSet(access, identity, refresh_token, 3_600))  # type: ignore[arg-type]
    if is_due:
        CognitoLogin.objects.filter(pk=login.pk).update(expires_at=utc_now())


if __name__ == "__main__":
    _scenario, _site = Scenario.read(os.environ["BENCHMARK_SCENARIO"]), os.environ["BENCHMARK_SITE"]
    start(_scenario, _site)
    _keys = [create_session(_scenario, number) for number in range(USERS)]
    (Path(_scenario.folder) / f"{_site}.txt").write_text("\n".join(_keys))
