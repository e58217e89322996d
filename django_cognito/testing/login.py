"""Sign a user in at a Django test client, as the callback does after the hosted UI."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.test import Client

from ..conf.loading import get_settings
from ..core import AccessToken
from ..core.hosted_ui import TokenSet
from ..sessions import store
from ..users.authentication import get_or_create_user, verify
from .tokens import make_token

# The claims that both tokens of a sign-in have; the other claims are the ID token's.
_IN_BOTH = ("sub", "iss", "iat", "exp", "auth_time", "origin_jti")


def sign_in(
    client: Client,
    username: str = "alice",
    *,
    groups: Sequence[str] = (),
    scope: str | None = None,
    refresh_token: str | None = None,
    alias: str = "",
    **claims: Any,
) -> Any:
    """Sign `username` in at the test `client`, with stored tokens in the session's login, and return the Django user.

    An email address as `username` is the user of a pool in which users sign in with it, as for `make_token`.
    Needs `trusted_keys` (the fixture `cognito_keys`) and the database. `claims` are the ID token's, and `alias` is
    the pool's, as for `make_token`; with PROFILE_SOURCE "userinfo", `claims` are also those of userInfo. `scope` is the
    access token's; by default the setting SCOPES. The tokens expire in an hour. No request is sent to Cognito; with a
    `refresh_token`, later refreshes and the sign-out send requests.
    """
    common = {name: claims[name] for name in _IN_BOTH if name in claims}
    scopes: dict[str, Any] = {} if scope is None else {"scope": scope}
    access_token = make_token(username=username, groups=groups, alias=alias, **common, **scopes)
    id_token = make_token(token_use="id", username=username, groups=groups, alias=alias, **claims)
    token, profile = verify(access_token, token_use="access", id_token=id_token)
    assert isinstance(token, AccessToken) and profile is not None  # noqa: S101, PT018 - what make_token makes
    user_info = profile.claims if get_settings().profile_source == "userinfo" else None
    user, _ = get_or_create_user(token, profile, user_info)
    request = HttpRequest()
    request.user, request.session = AnonymousUser(), client.session
    store.start_login(request, user, token, TokenSet(access_token, id_token, refresh_token, 3_600))
    request.session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(request.session.session_key)
    return user
