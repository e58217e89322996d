"""A person signed in at a Django test client, as if they had come back from the hosted UI."""

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

# What the two tokens of one sign-in have in common; the other claims are the ID token's.
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
    """Sign `username` in at the test `client`, with real tokens behind the session; the Django user.

    Needs `trusted_keys` open (the fixture `cognito_keys`) and the database. `claims` are the ID token's, as for
    `make_token`, and so is `alias`; with PROFILE_SOURCE "userinfo" they are what userInfo says too. `scope` is the
    access token's, the setting SCOPES by default. The tokens end in an hour, and nothing is asked of any Cognito; with
    a `refresh_token` it is, for the next tokens and at sign-out.
    """
    common = {name: claims[name] for name in _IN_BOTH if name in claims}
    scopes: dict[str, Any] = {} if scope is None else {"scope": scope}
    access_token = make_token(username=username, groups=groups, alias=alias, **common, **scopes)
    id_token = make_token(token_use="id", username=username, groups=groups, alias=alias, **claims)
    token, profile = verify(access_token, token_use="access", id_token=id_token)
    assert isinstance(token, AccessToken) and profile is not None  # noqa: S101, PT018 - what make_token makes
    user_info = profile.claims if get_settings().profile_source == "userinfo" else None
    user, _ = get_or_create_user(token, profile, user_info)
    request = _request(client)
    store.start_login(request, user, token, TokenSet(access_token, id_token, refresh_token, 3_600))
    request.session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(request.session.session_key)
    return user


def _request(client: Client) -> HttpRequest:
    request = HttpRequest()
    request.user = AnonymousUser()
    request.session = client.session
    return request
