"""A person signed in at a Django test client, as if they had come back from the hosted UI."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.test import Client

from ..core import AccessToken
from ..core.hosted_ui import TokenSet
from ..login import session
from ..people.authenticate import authenticate
from .tokens import make_token


def sign_in(client: Client, username: str = "alice", *, groups: tuple[str, ...] | list[str] = (), **claims: Any) -> Any:
    """Sign `username` in at the test `client`, with real tokens in the session; the Django user.

    Needs `trusted_keys` open (the fixture `cognito_keys`) and the database. `claims` are the ID token's, as for
    `make_token`; the tokens end in an hour, and nothing is asked of any Cognito.
    """
    id_token = make_token(token_use="id", username=username, groups=groups, **claims)
    tokens = TokenSet(make_token(username=username, groups=groups), id_token, "refresh-token-of-a-test", 3_600)
    user, token = authenticate(tokens.access_token, token_use="access", id_token=tokens.id_token)
    assert isinstance(token, AccessToken)  # noqa: S101 - what make_token makes
    request = HttpRequest()
    request.user = AnonymousUser()
    request.session = client.session
    session.start(request, user, token, tokens)
    request.session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(request.session.session_key)
    return user
