"""Users who sign in at the local Cognito: in a browser, or as clients of its API."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urljoin

import requests
from local_cognito import Emulator
from local_cognito_support.hosted_site import Page

POOL_ID, CLIENT_ID, SECRET, PASSWORD = (
    "eu-west-1_AbCdEfGhI",
    "1example23456789",
    "an_example_secret_of_a_client",
    "Correct-horse-7",
)
_TIMEOUT_SECONDS = 120


class Browser(requests.Session):
    """A browser of one user, with the user's cookies of the site and of the hosted UI."""

    def open(self, url: str) -> requests.Response:
        """Open a page and follow redirects, also those of a sign-in that needs no password."""
        return self.get(url, timeout=_TIMEOUT_SECONDS)

    def sign_in(self, url: str, username: str) -> requests.Response:
        """Open a page that redirects to the hosted UI, and submit its form; return the page after the sign-in."""
        page = self.open(url)
        form = Page(page.text)
        fields = {**form.hidden, "username": username, "password": PASSWORD}
        return self.post(urljoin(page.url, form.action), data=fields, timeout=_TIMEOUT_SECONDS)


def get_tokens(cognito: Emulator, username: str) -> dict[str, str]:
    """Return the tokens of a sign-in with the API, by their names there: AccessToken and IdToken."""
    digest = hmac.new(SECRET.encode(), f"{username}{CLIENT_ID}".encode(), hashlib.sha256).digest()
    parameters = {"USERNAME": username, "PASSWORD": PASSWORD, "SECRET_HASH": base64.b64encode(digest).decode()}
    body = {"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": CLIENT_ID, "AuthParameters": parameters}
    headers = {
        "X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth",
        "Content-Type": "application/x-amz-json-1.1",
    }
    answer = requests.post(cognito.url, json.dumps(body), headers=headers, timeout=_TIMEOUT_SECONDS)
    assert answer.status_code == 200, answer.text
    tokens: dict[str, str] = answer.json()["AuthenticationResult"]
    return tokens


def call_api(url: str, raw: str, **headers: str) -> requests.Response:
    """Return the response of the site's API to a request with this token."""
    headers = {"Authorization": f"Bearer {raw}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return requests.get(f"{url}/api/", headers=headers, timeout=_TIMEOUT_SECONDS)


def read_result(answer: requests.Response) -> Any:
    """Return the status, and the primary key of the user that the site responds with; None if there is none."""
    _, _, pk = answer.text.partition("user ")
    return answer.status_code, int(pk) if pk.isdecimal() else None
