"""Sign a user in at a Django test client, as the callback does after the hosted UI."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.test import Client

from ..conf.loading import get_pool_registry, get_settings
from ..core import AccessToken
from ..core.hosted_ui import TokenSet
from ..core.tokens.token import read_unverified
from ..models import CognitoUser
from ..sessions.sign_in import start_login
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
    Needs `trusted_keys` (the fixture `cognito_keys`) and the database. `claims` are the ID token's, and those of
    `iat`, `exp`, `auth_time`, `sub`, `iss` and `origin_jti` also the access token's. `alias` is the pool's, as for
    `make_token`; with PROFILE_SOURCE "userinfo", `claims` are also those of userInfo. `scope` is the
    access token's; by default the setting SCOPES. The tokens expire in an hour. No request is sent to Cognito; with a
    `refresh_token`, later refreshes and the sign-out send requests. Each call is a sign-in of its own, with its own
    `origin_jti`, and later than the user's last sign-out everywhere.
    """
    claims = {**_new_sign_in(username, alias, claims), **claims}
    common = {name: claims[name] for name in _IN_BOTH if name in claims}
    scopes: dict[str, Any] = {} if scope is None else {"scope": scope}
    access_token = make_token(username=username, groups=groups, alias=alias, **common, **scopes)
    id_token = make_token(token_use="id", username=username, groups=groups, alias=alias, **claims)
    token, profile = verify(access_token, token_use="access", id_token=id_token)
    assert isinstance(token, AccessToken) and profile is not None  # noqa: S101, PT018 - what make_token makes
    user_info = profile.claims if get_settings().profile_source == "userinfo" else None
    user, _ = get_or_create_user(token, profile, user_info)
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": "127.0.0.1", **client.defaults}
    request.user, request.session = AnonymousUser(), client.session
    start_login(request, user, token, TokenSet(access_token, id_token, refresh_token, 3_600))
    request.session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(request.session.session_key)
    return user


def _new_sign_in(username: str, alias: str, claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return an `origin_jti` and the times; `auth_time` is later if the user signed out everywhere in this second.

    One query.
    """
    unverified = read_unverified(make_token(username=username, alias=alias, **claims))
    times = {name: unverified[name] for name in ("iat", "exp", "auth_time") if name in unverified}
    values: dict[str, Any] = {"origin_jti": str(uuid4()), **times}
    pool = get_pool_registry().by_alias[alias] if alias else get_settings()
    link = CognitoUser.objects.filter(user_pool_id=pool.user_pool_id, sub=unverified["sub"]).first()
    if link is not None and link.not_before is not None and unverified["auth_time"] <= link.not_before.timestamp():
        values["auth_time"] = int(link.not_before.timestamp()) + 1
    return values
