"""Test `/api/notes/` with sessions and bearer tokens."""

from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Any

import boto3
import pytest
import requests

from demo.stack import WEB_CLIENT, Stack
from journey import hosted_ui, srp
from journey.browser import Browser
from journey.context import Client

TIMEOUT_SECONDS = 30


@pytest.fixture(scope="session")
def fetch_token(stack: Stack) -> Callable[[str], str]:
    """Return a function that returns an access token of a user."""
    idp = boto3.client(
        "cognito-idp",
        endpoint_url=stack.cognito,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client = Client(stack.pool.id, stack.pool.clients[WEB_CLIENT])
    return lambda username: srp.sign_in(idp, client, stack.pool.users[username])


@pytest.fixture
def send(stack: Stack, fetch_token: Callable[[str], str]) -> Callable[..., requests.Response]:
    """Return a function that sends an API request of a user, for example `send("alice", "POST", json=...)`."""

    def send_request(username: str, method: str = "GET", path: str = "", **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {fetch_token(username)}"}
        url = f"{stack.site}/api/notes/{path}"
        return requests.request(method, url, headers=headers, timeout=TIMEOUT_SECONDS, **options)

    return send_request


Send = Callable[..., requests.Response]


def _build_note(**values: str) -> Mapping[str, str]:
    return {"title": f"By API {token_hex(4)}", "body": "Something moved.", **values}


def test_note_list_is_paginated(send: Send) -> None:
    response = send("bob")
    assert response.status_code == 200
    assert response.json().keys() == {"count", "next", "previous", "results"}


def test_note_author_is_the_user_and_read_only(send: Send) -> None:
    response = send("alice", "POST", json=_build_note(author="carol"))
    assert response.status_code == 201
    assert response.json()["author"] == "alice"


def test_api_rejects_note_with_future_date(send: Send) -> None:
    response = send("alice", "POST", json=_build_note(observed_on="2999-01-01"))
    assert response.status_code == 400
    assert response.json() == {"observed_on": ["The date must not be in the future."]}


@pytest.mark.parametrize(
    ("username", "status"), [("bob", 403), ("alice", 403), ("carol", 204)], ids=["viewer", "editor", "admin"]
)
def test_only_admins_delete_notes(send: Send, username: str, status: int) -> None:
    note = send("alice", "POST", json=_build_note()).json()
    assert send(username, "DELETE", f"{note['id']}/").status_code == status


def test_editor_changes_note_of_another_user(send: Send) -> None:
    note = send("carol", "POST", json=_build_note()).json()
    response = send("alice", "PATCH", f"{note['id']}/", json={"place": "The weir"})
    assert (response.status_code, response.json()["author"]) == (200, "carol")


def test_browsable_api_offers_sign_in_that_returns_to_it(stack: Stack) -> None:
    page = Browser().open(f"{stack.site}/api/notes/?page=1")
    assert page.status == 401
    assert 'href="/auth/login/?next=%2Fapi%2Fnotes%2F%3Fpage%3D1"' in page.html
    browser = Browser()
    sign_in_page = browser.open(f"{stack.site}/auth/login/?next=/api/notes/")
    page = hosted_ui.submit_password(browser, sign_in_page, stack.pool.users["bob"])
    assert page.url == f"{stack.site}/api/notes/"
    assert "Kingfisher" in page.text
    signed_out = browser.submit(page, page.get_form(action="/auth/logout/"))
    assert "Sign in" in signed_out.text


def test_api_returns_json_unless_a_browser_requests_html(send: Send) -> None:
    assert send("bob").headers["Content-Type"] == "application/json"


def test_api_accepts_a_session(stack: Stack, sign_in: Callable[[str], Browser]) -> None:
    page = sign_in("bob").open(f"{stack.site}/api/notes/6/")
    assert page.status == 200
    assert "Kingfisher" in page.html


def test_session_without_csrf_token_is_rejected(stack: Stack, sign_in: Callable[[str], Browser]) -> None:
    cookies = sign_in("alice").cookies
    response = requests.post(f"{stack.site}/api/notes/", json=_build_note(), cookies=cookies, timeout=TIMEOUT_SECONDS)
    assert response.status_code == 403
    assert "CSRF" in response.json()["detail"]


def test_invalid_token_with_a_valid_session_is_rejected(stack: Stack, sign_in: Callable[[str], Browser]) -> None:
    cookies, headers = sign_in("alice").cookies, {"Authorization": "Bearer x.y.z"}
    response = requests.get(f"{stack.site}/api/notes/", headers=headers, cookies=cookies, timeout=TIMEOUT_SECONDS)
    assert (response.status_code, response.json()["code"]) == (401, "malformed_token")
