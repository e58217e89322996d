"""A small site, run by test_imports.py. Prints the packages of the arguments that are loaded, a line for each step."""

import sys
import time
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.support.signing import jwks, sign

CLIENT_ID, POOL_ID, SUB = "1testclient23456789", "eu-west-1_TestPool1", "5e0a1b52-6f0c-4c1e-9a58-0d7c5a1e0001"


def show_user(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


urlpatterns = [path("", show_user)]


def print_loaded() -> None:
    print(*[name for name in sys.argv[1:] if name in sys.modules])


def configure() -> None:
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    settings.configure(
        SECRET_KEY="a key for tests alone",
        USE_TZ=True,
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF=__name__,
        DATABASES={"default": database},
        INSTALLED_APPS=[
            "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django_cognito",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django_cognito.middleware.CognitoMiddleware",
        ],
        AUTHENTICATION_BACKENDS=[
            "django_cognito.backends.CognitoBackend", "django.contrib.auth.backends.ModelBackend",
        ],
        COGNITO={"USER_POOL_ID": POOL_ID, "CLIENT_ID": CLIENT_ID, "DOMAIN": "login.example.com"},
    )  # fmt: skip
    django.setup()


def create_token(**claims: Any) -> str:
    now = int(time.time()) - 1
    common = {"sub": SUB, "iss": f"https://cognito-idp.eu-west-1.amazonaws.com/{POOL_ID}", "iat": now, "exp": now + 600}
    return sign({**common, "auth_time": now, **claims})


def create_session(access_token: str, id_token: str) -> str:
    """Return the key of a session with a login, as the callback stores it after it has verified the tokens."""
    from django.contrib.auth.models import AnonymousUser, User
    from django.contrib.sessions.backends.db import SessionStore
    from django.utils import timezone

    from django_cognito.core import AccessToken
    from django_cognito.core.hosted_ui import TokenSet
    from django_cognito.core.tokens.jws import decode_jws
    from django_cognito.models import CognitoUser
    from django_cognito.sessions.sign_in import start_login

    user = User.objects.create(username="alice")
    CognitoUser.objects.create(user=user, user_pool_id=POOL_ID, sub=SUB, username="alice", as_of=timezone.now())
    request: Any = HttpRequest()
    request.user, request.session = AnonymousUser(), SessionStore()
    token = AccessToken(POOL_ID, decode_jws(access_token)[1])
    start_login(request, user, token, TokenSet(access_token, id_token, None, 600))
    request.session.save()
    return str(request.session.session_key)


def main() -> None:
    configure()
    print_loaded()

    from django.core.management import call_command
    from django.test import RequestFactory

    call_command("migrate", verbosity=0)
    access_token = create_token(token_use="access", client_id=CLIENT_ID, username="alice", scope="openid")
    session_key = create_session(access_token, create_token(token_use="id", aud=CLIENT_ID))
    from django.core.wsgi import get_wsgi_application

    def get(**headers: str) -> None:
        environ = RequestFactory().get("/", headers=headers).environ
        response: Any = get_wsgi_application()(environ, lambda *_: None)
        assert (response.status_code, response.content) == (200, b"alice"), response.content

    get(cookie=f"sessionid={session_key}")
    print_loaded()

    from django_cognito.conf.loading import get_settings
    from django_cognito.factories import get_verifier

    get_verifier().load_jwks(get_settings().user_pool, jwks("one"))
    get(authorization=f"Bearer {access_token}")
    print_loaded()


if __name__ == "__main__":
    main()
