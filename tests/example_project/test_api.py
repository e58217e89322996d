"""`/api/notes/`: by session and by bearer token."""

from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Any

import boto3
import pytest
import requests

from demo.stack import WEB_CLIENT, Stack
from journey import srp
from journey.browser import Browser
from journey.world import Client

TIMEOUT_SECONDS = 30


@pytest.fixture(scope="session")
def token_of(stack: Stack) -> Callable[[str], str]:
    """`token_of("alice")` is an access token of hers."""
    idp = boto3.client(
        "cognito-idp",
        endpoint_url=stack.cognito,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client = Client(stack.pool.id, stack.pool.clients[WEB_CLIENT])
    return lambda username: srp.sign_in(idp, client, stack.pool.people[username])


@pytest.fixture
def ask(stack: Stack, token_of: Callable[[str], str]) -> Callable[..., requests.Response]:
    """`ask("alice", "POST", json=...)` is the API's answer to her."""

    def request(username: str, method: str = "GET", path: str = "", **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token_of(username)}"}
        url = f"{stack.site}/api/notes/{path}"
        return requests.request(method, url, headers=headers, timeout=TIMEOUT_SECONDS, **options)

    return request


Ask = Callable[..., requests.Response]


def _note(**values: str) -> Mapping[str, str]:
    return {"title": f"By API {token_hex(4)}", "body": "Something moved.", **values}


def test_notes_come_in_pages(ask: Ask) -> None:
    answer = ask("bob")
    assert answer.status_code == 200
    assert answer.json().keys() == {"count", "next", "previous", "results"}


def test_a_note_tells_its_author_and_takes_none(ask: Ask) -> None:
    answer = ask("alice", "POST", json=_note(author="carol"))
    assert answer.status_code == 201
    assert answer.json()["author"] == "alice"


def test_a_note_about_tomorrow_is_refused(ask: Ask) -> None:
    answer = ask("alice", "POST", json=_note(observed_on="2999-01-01"))
    assert answer.status_code == 400
    assert answer.json() == {"observed_on": ["This day has not come yet."]}


@pytest.mark.parametrize(
    ("username", "status"), [("bob", 403), ("alice", 403), ("carol", 204)], ids=["viewer", "editor", "admin"]
)
def test_only_admins_delete(ask: Ask, username: str, status: int) -> None:
    note = ask("alice", "POST", json=_note()).json()
    assert ask(username, "DELETE", f"{note['id']}/").status_code == status


def test_an_editor_changes_a_note_of_somebody_else(ask: Ask) -> None:
    note = ask("carol", "POST", json=_note()).json()
    answer = ask("alice", "PATCH", f"{note['id']}/", json={"place": "The weir"})
    assert (answer.status_code, answer.json()["author"]) == (200, "carol")


def test_a_session_reads_the_api(stack: Stack, signed_in: Callable[[str], Browser]) -> None:
    page = signed_in("bob").open(f"{stack.site}/api/notes/6/")
    assert page.status == 200
    assert "Kingfisher" in page.html


def test_a_session_writes_nothing_without_a_csrf_token(stack: Stack, signed_in: Callable[[str], Browser]) -> None:
    cookies = signed_in("alice").cookies
    answer = requests.post(f"{stack.site}/api/notes/", json=_note(), cookies=cookies, timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["detail"]


def test_a_bad_token_beside_a_good_session_is_refused(stack: Stack, signed_in: Callable[[str], Browser]) -> None:
    cookies, headers = signed_in("alice").cookies, {"Authorization": "Bearer x.y.z"}
    answer = requests.get(f"{stack.site}/api/notes/", headers=headers, cookies=cookies, timeout=TIMEOUT_SECONDS)
    assert (answer.status_code, answer.json()["code"]) == (401, "malformed_token")
