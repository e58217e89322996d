"""A local Cognito with two small pools and a clock to turn, and a browser without a screen."""

import base64
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pyotp
import requests
from local_cognito.accounts.clients import AppClient
from local_cognito.emulator import Emulator
from local_cognito.user_pool_service import UserPoolService

CALLBACK = "http://localhost:8000/auth/callback/"
GOODBYE = "http://localhost:8000/goodbye/"
PASSWORD = "Correct-horse-7"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123456789"
ALL_SCOPES = ["openid", "email", "profile", "aws.cognito.signin.user.admin"]


def challenge(verifier: str = VERIFIER) -> str:
    """The S256 challenge of a verifier (RFC 7636 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def query_of(address: str) -> dict[str, str]:
    """The query of an address, each parameter once."""
    return {name: value for name, (value,) in parse_qs(urlsplit(address).query, strict_parsing=True).items()}


def unverified(raw: str) -> dict[str, Any]:
    """The claims of a token whose signature is not this test's subject."""
    return jwt.decode(raw, options={"verify_signature": False})


class Clock:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.time = 1_790_000_000.5

    def __call__(self) -> float:
        return self.time

    def pass_seconds(self, seconds: float) -> None:
        """Let time go by."""
        self.time += seconds


@dataclass
class Site:
    """What runs: its address, its clock, its state, and three clients of two pools."""

    url: str
    clock: Clock
    service: UserPoolService
    public: AppClient
    confidential: AppClient
    other_pool: AppClient

    def user(self, username: str) -> Any:
        """moto's user of the first pool."""
        user = self.service.pools.find_moto_user(self.public.pool_id, username)
        assert user is not None
        return user

    def totp_code(self) -> str:
        """What dave's authenticator app shows now."""
        return str(pyotp.TOTP(TOTP_SECRET).at(int(self.clock.time)))

    def authorize_parameters(self, client: AppClient | None = None, **changes: str | None) -> dict[str, str]:
        """A good request of a client (the public one); `changes` replace parameters, None leaves one out."""
        parameters = {
            "response_type": "code",
            "client_id": (client or self.public).id,
            "redirect_uri": CALLBACK,
            "state": "a state",
            "code_challenge": challenge(),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in {**parameters, **changes}.items() if value is not None}

    def sign_in(self, client: AppClient | None = None, **changes: str | None) -> str:
        """A code for alice, got in a new browser."""
        with Browser(self) as browser:
            browser.authorize(client, **changes)
            return query_of(browser.sign_in().headers["Location"])["code"]

    def redeem(self, code: str, client: AppClient | None = None, /, **changes: str | None) -> requests.Response:
        """The token endpoint's answer to a code, as a client (the public one) sends it."""
        client = client or self.public
        fields = {
            "grant_type": "authorization_code",
            "client_id": client.id,
            "client_secret": client.secret,
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        return self.post("/oauth2/token", **{**fields, **changes})

    def tokens(self, client: AppClient | None = None, **changes: str | None) -> dict[str, Any]:
        """All of alice's tokens."""
        answer: dict[str, Any] = self.redeem(self.sign_in(client, **changes), client).json()
        return answer

    def post(self, path: str, **fields: str | None) -> requests.Response:
        """What an endpoint answers to a form; None leaves a field out."""
        return requests.post(self.url + path, data=fields, timeout=30)


def refused(answer: requests.Response, error: str, status: int = 400) -> bool:
    """Whether an answer is this error, and nothing more."""
    return (answer.status_code, answer.json()) == (status, {"error": error})


def basic(site: Site, secret: str | None = None) -> tuple[str, str]:
    """The Basic credentials of the confidential client."""
    return site.confidential.id, site.confidential.secret or "" if secret is None else secret


class Page(HTMLParser):
    """The little of a page that a browser without a screen needs."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.inputs: dict[str, dict[str, str | None]] = {}
        self.action = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep forms and inputs."""
        found = dict(attrs)
        if tag == "form":
            self.action = found.get("action") or ""
        elif tag == "input" and found.get("name"):
            self.inputs[str(found["name"])] = found
            if found.get("type") == "hidden":
                self.hidden[str(found["name"])] = found.get("value") or ""


class Browser(requests.Session):
    """Keeps cookies, fills in forms, and stops at each redirect unless told to go on."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site
        self.shown: requests.Response

    def open(self, path: str, **parameters: str) -> requests.Response:
        """Go to an address of the hosted UI, and on to where its redirects lead within it."""
        self.shown = self.get(self.site.url + path, params=parameters, allow_redirects=False, timeout=30)
        return self._follow()

    def authorize(self, client: AppClient | None = None, **changes: str | None) -> requests.Response:
        """Start as an app does (see `Site.authorize_parameters`)."""
        return self.open("/oauth2/authorize", **self.site.authorize_parameters(client, **changes))

    def submit(self, **fields: str) -> requests.Response:
        """Send the form of the page that is shown, with its hidden fields."""
        form = Page(self.shown.text)
        self.shown = self.post(
            self.site.url + form.action, data={**form.hidden, **fields}, allow_redirects=False, timeout=30
        )
        return self._follow()

    def sign_in(self, username: str = "alice", password: str = PASSWORD) -> requests.Response:
        """Fill in the login page that is shown."""
        return self.submit(username=username, password=password)

    def _follow(self) -> requests.Response:
        while self.shown.headers.get("Location", "").startswith("/"):
            address = self.site.url + self.shown.headers["Location"]
            self.shown = self.get(address, allow_redirects=False, timeout=30)
        return self.shown


@contextmanager
def running_site() -> Iterator[Site]:
    """A site of its own, with alice, dave (has an authenticator app) and nina (has a password that is not her own)."""
    clock = Clock()
    with Emulator(seed=_SEED, state_dir=_state_dir(), now=clock) as emulator:
        clients = [emulator.service.client(name) for name in ("1public", "2confidential", "3otherpool")]
        yield Site(emulator.url, clock, emulator.service, *(client for client in clients if client is not None))


@cache
def _state_dir() -> Path:
    """Where the signing keys lie: making them is slow, so all sites of a run share them."""
    return Path(tempfile.mkdtemp(prefix="hosted-site-"))


def _client(client_id: str, **more: object) -> dict[str, object]:
    addresses = {"callback_urls": [CALLBACK, "myapp://callback"], "logout_urls": [GOODBYE]}
    return {"id": client_id, "name": "Fieldnotes web", **addresses, "scopes": ALL_SCOPES, **more}


def _user(username: str, **more: object) -> dict[str, object]:
    email = {"email": f"{username}@example.com", "email_verified": True}
    return {"username": username, "password": PASSWORD, "name": username.title(), **email, **more}


_SEED = {
    "pools": [
        {
            "id": "eu-west-1_First",
            "mfa": "optional",
            "clients": [
                # As the API makes clients that do not say: it would tell which usernames exist, and the page must not.
                _client("1public", prevent_user_existence_errors=False),
                _client("2confidential", secret="a_secret_of_24_letters_or_more"),
            ],
            "users": [
                _user("alice"),
                _user("dave", totp_secret=TOTP_SECRET),
                _user("nina", status="FORCE_CHANGE_PASSWORD"),
            ],
        },
        {"id": "eu-west-1_Second", "clients": [_client("3otherpool")], "users": [_user("alice")]},
    ]
}
