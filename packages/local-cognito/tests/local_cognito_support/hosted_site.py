"""A local Cognito with two small pools and a settable clock, and an HTTP client that acts as a browser."""

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
LOGOUT_URI = "http://localhost:8000/goodbye/"
PASSWORD = "Correct-horse-7"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123456789"
ALL_SCOPES = ["openid", "email", "profile", "aws.cognito.signin.user.admin"]


def challenge(verifier: str = VERIFIER) -> str:
    """Return the S256 challenge of `verifier` (RFC 7636 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def read_query(url: str) -> dict[str, str]:
    """Return the query parameters of `url`. Raises ValueError if a parameter is repeated."""
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


def read_unverified(raw: str) -> dict[str, Any]:
    """Return the token's claims without verifying its signature."""
    return jwt.decode(raw, options={"verify_signature": False})


class Clock:
    """A clock that stands still until it is advanced."""

    def __init__(self) -> None:
        self.time = 1_790_000_000.5

    def __call__(self) -> float:
        return self.time

    def pass_seconds(self, seconds: float) -> None:
        """Advance the clock."""
        self.time += seconds


@dataclass
class Site:
    """A running local Cognito: its URL, clock and service, and three clients of two pools."""

    url: str
    clock: Clock
    service: UserPoolService
    public: AppClient
    confidential: AppClient
    other_pool: AppClient

    def user(self, username: str) -> Any:
        """Return moto's user in the first pool."""
        user = self.service.pools.find_moto_user(self.public.pool_id, username)
        assert user is not None
        return user

    def totp_code(self) -> str:
        """Return the current code of dave's authenticator app."""
        return str(pyotp.TOTP(TOTP_SECRET).at(int(self.clock.time)))

    def authorize_parameters(self, client: AppClient | None = None, **changes: str | None) -> dict[str, str]:
        """Return valid parameters for a client (the public one). `changes` replace them; None removes one."""
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
        """Sign alice in with a new browser and return the authorization code."""
        with Browser(self) as browser:
            browser.authorize(client, **changes)
            return read_query(browser.sign_in().headers["Location"])["code"]

    def redeem(self, code: str, client: AppClient | None = None, /, **changes: str | None) -> requests.Response:
        """Return the token endpoint's response to the code, sent by the client (default: the public one)."""
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
        """Sign alice in and return the token endpoint's response."""
        answer: dict[str, Any] = self.redeem(self.sign_in(client, **changes), client).json()
        return answer

    def post(self, path: str, **fields: str | None) -> requests.Response:
        """Post a form and return the response. A field that is None is left out."""
        return requests.post(self.url + path, data=fields, timeout=30)


def is_oauth_error(answer: requests.Response, error: str, status: int = 400) -> bool:
    """Return whether the response has this error and no other field."""
    return (answer.status_code, answer.json()) == (status, {"error": error})


def basic_credentials(site: Site, secret: str | None = None) -> tuple[str, str]:
    """Return the Basic credentials of the confidential client."""
    return site.confidential.id, site.confidential.secret or "" if secret is None else secret


class Page(HTMLParser):
    """The form and the inputs of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.inputs: dict[str, dict[str, str | None]] = {}
        self.action = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Store the action of the form and the inputs."""
        attributes = dict(attrs)
        if tag == "form":
            self.action = attributes.get("action") or ""
        elif tag == "input" and attributes.get("name"):
            self.inputs[str(attributes["name"])] = attributes
            if attributes.get("type") == "hidden":
                self.hidden[str(attributes["name"])] = attributes.get("value") or ""


class Browser(requests.Session):
    """An HTTP client that stores cookies, submits forms and follows redirects only within the hosted UI."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site
        self.current_response: requests.Response

    def open(self, path: str, **parameters: str) -> requests.Response:
        """Open a path of the hosted UI and follow redirects within it."""
        self.current_response = self.get(self.site.url + path, params=parameters, allow_redirects=False, timeout=30)
        return self._follow()

    def authorize(self, client: AppClient | None = None, **changes: str | None) -> requests.Response:
        """Open the authorize endpoint as an app does (see `Site.authorize_parameters`)."""
        return self.open("/oauth2/authorize", **self.site.authorize_parameters(client, **changes))

    def submit(self, **fields: str) -> requests.Response:
        """Submit the form of the current page, with its hidden fields."""
        form = Page(self.current_response.text)
        self.current_response = self.post(
            self.site.url + form.action, data={**form.hidden, **fields}, allow_redirects=False, timeout=30
        )
        return self._follow()

    def sign_in(self, username: str = "alice", password: str = PASSWORD) -> requests.Response:
        """Submit the login form of the current page."""
        return self.submit(username=username, password=password)

    def _follow(self) -> requests.Response:
        while self.current_response.headers.get("Location", "").startswith("/"):
            url = self.site.url + self.current_response.headers["Location"]
            self.current_response = self.get(url, allow_redirects=False, timeout=30)
        return self.current_response


@contextmanager
def running_site() -> Iterator[Site]:
    """Yield a new site with alice, dave (has an authenticator app) and nina (has a temporary password)."""
    clock = Clock()
    with Emulator(seed=_SEED, state_dir=_state_dir(), now=clock) as emulator:
        clients = [emulator.service.client(name) for name in ("1public", "2confidential", "3otherpool")]
        yield Site(emulator.url, clock, emulator.service, *(client for client in clients if client is not None))


@cache
def _state_dir() -> Path:
    """Return the folder of the signing keys. Creating keys is slow, so all sites of a run share them."""
    return Path(tempfile.mkdtemp(prefix="hosted-site-"))


def _client(client_id: str, **changes: object) -> dict[str, object]:
    urls = {"callback_urls": [CALLBACK, "myapp://callback"], "logout_urls": [LOGOUT_URI]}
    return {"id": client_id, "name": "Fieldnotes web", **urls, "scopes": ALL_SCOPES, **changes}


def _user(username: str, **changes: object) -> dict[str, object]:
    email = {"email": f"{username}@example.com", "email_verified": True}
    return {"username": username, "password": PASSWORD, "name": username.title(), **email, **changes}


_SEED = {
    "pools": [
        {
            "id": "eu-west-1_First",
            "mfa": "optional",
            "clients": [
                # The default of the API. The API then reveals which usernames exist; the page must not.
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
