"""`/api/files/`: with the ID token of the same sign-in, and by session. And programs, which have no files."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from demo.stack import PROGRAM_CLIENT, Stack
from journey import api, hosted_ui
from journey.browser import Browser
from journey.world import Client

TIMEOUT_SECONDS = 30


class _Way:
    """As much of the journey's world as it takes to get tokens."""

    def __init__(self, stack: Stack, client: Client) -> None:
        self.site, self.cognito, self.web = stack.site, stack.cognito, client
        self.callback = f"{stack.site}/auth/callback/"


@pytest.fixture(scope="module")
def way(stack: Stack) -> Any:
    """The way to the site and to its hosted UI."""
    return _Way(stack, Client(stack.pool.id, stack.pool.clients["Fieldnotes web"]))


@pytest.fixture
def tokens(stack: Stack, way: Any) -> Callable[[str], dict[str, Any]]:
    """`tokens("alice")` are those of a new sign-in."""
    return lambda username: hosted_ui.tokens(way, stack.pool.people[username])


Tokens = Callable[[str], dict[str, Any]]


def test_a_bearer_lists_their_files_with_the_id_token(
    way: Any, signed_in: Callable[..., Browser], tokens: Tokens
) -> None:
    alice = signed_in("alice")
    page = alice.upload(alice.open(f"{way.site}/files/"), "file", "by-api.txt", b"listed")
    own = tokens("alice")
    answer = api.files(way, own["access_token"], id_token=own["id_token"])
    assert answer.status_code == 200
    assert answer.json()["identity_id"] == page.code_in("my-identity")[0]
    assert [file["size"] for file in answer.json()["files"] if file["name"] == "by-api.txt"] == [6]


def test_an_access_token_alone_is_not_enough_and_still_reads_notes(way: Any, tokens: Tokens) -> None:
    token = tokens("alice")["access_token"]
    assert api.told(api.files(way, token)) == "403 id_token_required"
    assert api.told(api.read(way, token)) == "200"


def test_another_person_s_id_token_is_refused(way: Any, tokens: Tokens) -> None:
    alice, bob = tokens("alice"), tokens("bob")
    answer = api.files(way, alice["access_token"], id_token=bob["id_token"])
    assert answer.status_code == 401


def test_the_id_token_of_another_sign_in_is_refused(way: Any, tokens: Tokens) -> None:
    first, second = tokens("alice"), tokens("alice")
    assert api.files(way, first["access_token"], id_token=second["id_token"]).status_code == 401


def test_a_session_needs_no_header(way: Any, signed_in: Callable[..., Browser]) -> None:
    assert "identity_id" in signed_in("bob").download(f"{way.site}/api/files/").json()


def test_nobody_has_no_files(way: Any) -> None:
    assert api.files(way, "").status_code == 401


def _program_token(stack: Stack, scope: str = "fieldnotes/read") -> requests.Response:
    key = stack.pool.clients[PROGRAM_CLIENT], stack.pool.secrets[PROGRAM_CLIENT]
    form = {"grant_type": "client_credentials", "scope": scope}
    return requests.post(f"{stack.cognito}/oauth2/token", data=form, auth=key, timeout=TIMEOUT_SECONDS)


def test_a_program_reads_by_its_scope_and_does_no_more(stack: Stack, way: Any) -> None:
    token = _program_token(stack).json()["access_token"]
    assert api.told(api.read(way, token)) == "200"
    assert api.told(api.write(way, token)) == "403 permission_required"
    assert api.told(api.files(way, token)) == "403 person_required"


def test_a_program_gets_no_scope_that_it_was_not_given(stack: Stack) -> None:
    assert _program_token(stack, "fieldnotes/write").status_code == 400
