"""Scenarios of the browser login: scripted token responses, sign-ins, and logins in a given state."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from django.contrib.auth import get_user_model
from django.db import connections, router
from django.test import Client
from local_cognito_support.scripted_server import Answer, Request, json_answer

from django_cognito.core.base64url import decode_base64url
from django_cognito.core.clock import utc_now
from django_cognito.core.errors import SignInError
from django_cognito.login.state import open_state, seal_state
from django_cognito.models import CognitoLogin, CognitoMembership, CognitoUser
from django_cognito.sessions import store
from django_cognito.testing import make_token, sign_in

CALLBACK = "/auth/callback/"
SECRET_COOKIE = "cognito_sign_in_"  # and the id of a pending sign-in


def token_response(
    username: str = "alice", *, nonce: str | None = None, alias: str = "", both: Any = None, **changes: Any
) -> Answer:
    """Return the token endpoint's response with tokens of `username`, a user of the pool `alias`.

    `changes` replace members of the response, None removes one; `both` are claims of both tokens.
    """
    claims: dict[str, Any] = {"username": username, "alias": alias, **(both or {})}
    if not changes.keys() & {"access_token", "id_token"}:  # all tokens of one sign-in have the same
        claims.setdefault("origin_jti", str(uuid4()))
    answer = {
        "access_token": make_token(**claims),
        "id_token": make_token(token_use="id", nonce=nonce, **claims),
        "refresh_token": "a-refresh-token",
        "token_type": "Bearer",
        "expires_in": 3600,
        **changes,
    }
    return json_answer({name: value for name, value in answer.items() if value is not None})


def refusal(error: str = "invalid_grant", status: int = 400) -> Answer:
    """Return an error response of the token endpoint."""
    return json_answer({"error": error}, status)


def read_form(request: Request) -> dict[str, str]:
    """Return the form of a request; each field must occur once."""
    return {name: value for name, (value,) in parse_qs(request.body.decode(), strict_parsing=True).items()}


def read_query(url: str) -> dict[str, str]:
    """Return the query of a URL; each parameter must occur once."""
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


def start_sign_in(client: Client, **query: str) -> dict[str, str]:
    """Start a sign-in in `client`; return the parameters of the authorization request."""
    return read_query(client.get("/auth/login/", query)["Location"])


def finish_sign_in(client: Client, params: dict[str, str], **changes: Any) -> Any:
    """Send the callback of a sign-in; `changes` replace parameters of the query, None removes one.

    Asserts that a rejected callback changes nothing.
    """
    query = {"code": "a-code", "state": params["state"], **_tenant_of(params["state"]), **changes}
    before = take_snapshot(client, except_state=query["state"] if _is_mine(client, query["state"]) else None)
    answer = client.get(CALLBACK, {name: value for name, value in query.items() if value is not None})
    if answer.status_code != 302:
        assert take_snapshot(client) == before
    return answer


def _is_mine(client: Client, state: Any) -> bool:
    """Return whether the browser has the cookie of a state; the callback then consumes the state."""
    with suppress(SignInError, KeyError, ValueError, AttributeError):  # not a string
        return open_state(state).has_secret(decode_base64url(client.cookies[secret_cookie(state)].value))
    return False


def _tenant_of(state: str) -> dict[str, str]:
    """Return the parameter that makes the POOL_RESOLVER of `two_pools` select the pool of the state at the callback."""
    with suppress(SignInError):
        return {"at": open_state(state).alias}
    return {}


@contextmanager
def unchanged(client: Client, *, except_state: str | None = None) -> Iterator[None]:
    """Assert that the block changes nothing; `except_state` is a state that it may consume."""
    before = take_snapshot(client, except_state=except_state)
    yield
    assert take_snapshot(client) == before


def take_snapshot(client: Client, *, except_state: str | None = None) -> dict[str, Any]:
    """Return what a rejection must not change: session and key, pending sign-ins, all users, links and logins.

    Leaves out the pending sign-in whose state is `except_state`.
    """
    used = secret_cookie(except_state) if isinstance(except_state, str) else ""
    pending = {name: value for name, value in secret_cookies(client).items() if name != used}
    models = (get_user_model(), CognitoUser, CognitoMembership, CognitoLogin)
    rows: dict[str, Any] = {model.__name__: _read_rows(model) for model in models}
    for login in rows["CognitoLogin"]:
        del login["retry_at"], login["refresh_sent_at"]  # an outage stores when the next refresh is due
    return {"session": dict(client.session.items()), "key": client.session.session_key, "pending": pending, **rows}


def _read_rows(model: Any) -> list[dict[str, Any]]:
    """Return all rows as the database returns them. Django compiles such a query in several times the time."""
    connection = connections[router.db_for_read(model)]
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {quote(model._meta.db_table)} ORDER BY {quote(model._meta.pk.column)}")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def secret_cookies(client: Client) -> dict[str, str]:
    """Return the cookies of pending sign-ins by name."""
    cookies = {name: cookie.value for name, cookie in client.cookies.items() if cookie.value}
    return {name: value for name, value in cookies.items() if name.removeprefix("__Host-").startswith(SECRET_COOKIE)}


def secret_cookie(state: str, prefix: str = "") -> str:
    """Return the name of the cookie of a state."""
    return f"{prefix}{SECRET_COOKIE}{state.partition('.')[0]}"


def code_verifier_of(client: Client, params: dict[str, str]) -> str:
    """Return the PKCE code verifier of a pending sign-in, derived from the state and the cookie."""
    return open_state(params["state"]).code_verifier(
        decode_base64url(secret_cookies(client)[secret_cookie(params["state"])])
    )


def reseal(client: Client, params: dict[str, str], **changes: Any) -> dict[str, str]:
    """Change a pending sign-in as only the site can; return the parameters with the new state."""
    secret = decode_base64url(secret_cookies(client)[secret_cookie(params["state"])])
    return {**params, "state": seal_state(replace(open_state(params["state"]), **changes), secret).state}


def username_at(client: Client) -> str:
    """Return the username that the site sees for this browser."""
    return str(client.get("/who/").content.decode())


def create_login(client: Client, username: str = "alice", **state: Any) -> CognitoLogin:
    """Sign `username` in at `client` and return the login; `state` are arguments of `change_login`."""
    sign_in(client, username, refresh_token="a-refresh-token")
    login = store.load_login(client.session)
    return change_login(login, **state) if state else login


def change_login(
    login: CognitoLogin,
    *,
    ends_in: float | None = None,
    leased_for: float | None = None,
    retry_in: float | None = None,
    sent_ago: float | None = None,
) -> CognitoLogin:
    """Set the state of a login, save it and return it: expiry of the tokens, refresh lease, back-off.

    With `sent_ago`, a refresh was sent that many seconds ago and its response was lost.
    """
    now = utc_now()  # the clock of the package, which a test may have stopped
    if sent_ago is not None:
        login.refresh_sent_at = now - timedelta(seconds=sent_ago)
    if retry_in is not None:
        login.retry_at = now + timedelta(seconds=retry_in)
    if ends_in is not None:
        login.expires_at = now + timedelta(seconds=ends_in)
    if leased_for is not None:
        login.refreshing_until = now + timedelta(seconds=leased_for)
    login.save()
    return login


class Gate:
    """Holds a scripted response back until it is opened: `Answer(before=gate)`.

    `timed_out` is set if it was not opened in time, because the code under test waited for the response first. It then
    sees a broken connection, and may return just what the test expects.
    """

    def __init__(self) -> None:
        self.requested, self.opened = Event(), Event()
        self.timed_out = False

    def __call__(self) -> None:
        self.requested.set()
        self.timed_out = not self.opened.wait(20)
        assert not self.timed_out

    def wait_for_request(self, then: Callable[[], Any] = lambda: None) -> None:
        """Wait for the request; then call `then`, and let the response be sent. Fail if it was given up before."""
        assert self.requested.wait(20)
        then()
        assert not self.timed_out
        self.opened.set()


def read_error_code(answer: Any) -> str:
    """Return the error code of a failure page; assert that the page shows it and is not cached."""
    assert "django_cognito/login_failed.html" in [template.name for template in answer.templates]
    assert_private(answer)
    code: str = answer.context["code"]
    assert f"<code>{code}</code>" in answer.content.decode()
    return code


def post_logout(client: Client) -> Any:
    return client.post("/auth/logout/")


def assert_private(answer: Any) -> None:
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] in ("no-referrer", "strict-origin")  # the second for a page with a form
