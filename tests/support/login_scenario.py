"""What a test of the login arranges: a token endpoint that answers as told, and a login in a chosen state."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from django_cognito.core.base64url import decode_base64url
from django_cognito.core.errors import SignInError
from django_cognito.login.state import open_state, seal_state
from django_cognito.models import CognitoLogin, CognitoMembership, CognitoUser
from django_cognito.sessions import store
from django_cognito.testing import make_token, sign_in

from .scripted_server import Answer, Request, json_answer

CALLBACK = "/auth/callback/"
SECRET_COOKIE = "cognito_sign_in_"  # and the id of a pending sign-in


def token_answer(
    username: str = "alice", *, nonce: str | None = None, alias: str = "", both: Any = None, **changes: Any
) -> Answer:
    """The token endpoint's answer with tokens of `username`, who is of the pool that `alias` names.

    `changes` replace members, None takes one away; `both` are claims of both tokens.
    """
    claims: dict[str, Any] = {"username": username, "alias": alias, **(both or {})}
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
    """The token endpoint's refusal."""
    return json_answer({"error": error}, status)


def form_of(request: Request) -> dict[str, str]:
    """The form that a request carried, each field once."""
    return {name: value for name, (value,) in parse_qs(request.body.decode(), strict_parsing=True).items()}


def query_of(url: str) -> dict[str, str]:
    """The query of an address, each parameter once."""
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


def begin(client: Client, **query: str) -> dict[str, str]:
    """Begin a sign-in in the browser `client`; what the hosted UI is asked."""
    return query_of(client.get("/auth/login/", query)["Location"])


def come_back(client: Client, asked: dict[str, str], **changes: Any) -> Any:
    """Come back from the hosted UI as it would send the browser; `changes` replace parameters, None takes one away.

    Who is refused has changed nothing, whatever the test is about.
    """
    query = {"code": "a-code", "state": asked["state"], **_tenant_of(asked["state"]), **changes}
    before = standing(client, but_for=query["state"] if _is_mine(client, query["state"]) else None)
    answer = client.get(CALLBACK, {name: value for name, value in query.items() if value is not None})
    if answer.status_code != 302:
        assert standing(client) == before
    return answer


def _is_mine(client: Client, state: Any) -> bool:
    """Whether the browser has the cookie of a state, which the callback then uses up."""
    with suppress(SignInError, KeyError, ValueError, AttributeError):  # not a text at all
        return open_state(state).has_secret(decode_base64url(client.cookies[secret_cookie(state)].value))
    return False


def _tenant_of(state: str) -> dict[str, str]:
    """What makes POOL_RESOLVER of `two_pools` return the alias at the callback as well, as a tenant's host would."""
    with suppress(SignInError):
        return {"at": open_state(state).alias}
    return {}


@contextmanager
def unchanged(client: Client, *, but_for: str | None = None) -> Iterator[None]:
    """Whatever is refused in here leaves all as it was; but a state, which is good once, may be used up."""
    before = standing(client, but_for=but_for)
    yield
    assert standing(client) == before


def standing(client: Client, *, but_for: str | None = None) -> dict[str, Any]:
    """All that a refusal leaves alone: the session with its key, the pending sign-ins, and every user, link and login.

    Without the pending sign-in whose state is `but_for`.
    """
    used = secret_cookie(but_for) if isinstance(but_for, str) else ""
    pending = {name: value for name, value in secret_cookies(client).items() if name != used}
    models = (get_user_model(), CognitoUser, CognitoMembership, CognitoLogin)
    rows: dict[str, Any] = {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}
    for login in rows["CognitoLogin"]:
        del login["retry_at"], login["refresh_sent_at"]  # an outage stores when the next refresh is due
    return {"session": dict(client.session.items()), "key": client.session.session_key, "pending": pending, **rows}


def secret_cookies(client: Client) -> dict[str, str]:
    """The cookies of pending sign-ins that the browser has, by name."""
    cookies = {name: cookie.value for name, cookie in client.cookies.items() if cookie.value}
    return {name: value for name, value in cookies.items() if name.removeprefix("__Host-").startswith(SECRET_COOKIE)}


def secret_cookie(state: str, prefix: str = "") -> str:
    """The name of the cookie that belongs to a state."""
    return f"{prefix}{SECRET_COOKIE}{state.partition('.')[0]}"


def code_verifier_of(client: Client, asked: dict[str, str]) -> str:
    """The PKCE code verifier of a pending sign-in, as the site derives it from the state and the browser's cookie."""
    return open_state(asked["state"]).code_verifier(
        decode_base64url(secret_cookies(client)[secret_cookie(asked["state"])])
    )


def reseal(client: Client, asked: dict[str, str], **changes: Any) -> dict[str, str]:
    """Change a pending sign-in as only the site itself can: what Cognito is asked, with the new state."""
    secret = decode_base64url(secret_cookies(client)[secret_cookie(asked["state"])])
    return {**asked, "state": seal_state(replace(open_state(asked["state"]), **changes), secret).state}


def who(client: Client) -> str:
    """Whom the site takes this browser for."""
    return str(client.get("/who/").content.decode())


def login_of(client: Client, username: str = "alice", **state: Any) -> CognitoLogin:
    """The login of `username`, signed in at `client`; its tokens end in `ends_in` seconds, see `change`."""
    sign_in(client, username, refresh_token="a-refresh-token")
    login = store.load_login(client.session)
    return change(login, **state) if state else login


def change(
    login: CognitoLogin,
    *,
    ends_in: float | None = None,
    leased_for: float | None = None,
    retry_in: float | None = None,
    sent_ago: float | None = None,
) -> CognitoLogin:
    """Return the login with tokens that expire in `ends_in` seconds, another request's lease, a back-off; saved.

    With `sent_ago`, the answer to a refresh that was sent that many seconds ago was lost.
    """
    now = timezone.now()
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
        self.asked, self.opened = Event(), Event()
        self.timed_out = False

    def __call__(self) -> None:
        self.asked.set()
        self.timed_out = not self.opened.wait(20)
        assert not self.timed_out

    def wait_until_asked(self, then: Callable[[], Any] = lambda: None) -> None:
        """Wait for the request; then call `then`, and let the response be sent. Fail if it was given up before."""
        assert self.asked.wait(20)
        then()
        assert not self.timed_out
        self.opened.set()


def code_of(answer: Any) -> str:
    """The error code that a failure page shows; also checks that it is one, and that nobody keeps it."""
    assert "django_cognito/login_failed.html" in [template.name for template in answer.templates]
    assert_private(answer)
    code: str = answer.context["code"]
    assert f"<code>{code}</code>" in answer.content.decode()
    return code


def post_logout(client: Client) -> Any:
    return client.post("/auth/logout/")


def assert_private(answer: Any) -> None:
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "no-referrer"
