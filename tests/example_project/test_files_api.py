"""Test `/api/files/` with the ID token of the same sign-in, with sessions and with a machine-to-machine client."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from demo.stack import MACHINE_CLIENT, Stack
from journey import api, hosted_ui
from journey.browser import Browser
from journey.context import Client

TIMEOUT_SECONDS = 30


class _TokenContext:
    """The attributes of the journey's context that the requests for tokens need."""

    def __init__(self, stack: Stack, client: Client) -> None:
        self.site, self.cognito, self.web_client = stack.site, stack.cognito, client
        self.callback_url = f"{stack.site}/auth/callback/"


@pytest.fixture(scope="module")
def context(stack: Stack) -> Any:
    """Return the URLs and the app client of the site."""
    return _TokenContext(stack, Client(stack.pool.id, stack.pool.clients["Fieldnotes web"]))


@pytest.fixture
def fetch_tokens(stack: Stack, context: Any) -> Callable[[str], dict[str, Any]]:
    """Return a function that signs a user in and returns the tokens."""
    return lambda username: hosted_ui.fetch_tokens(context, stack.pool.users[username])


FetchTokens = Callable[[str], dict[str, Any]]


def test_bearer_lists_files_with_the_id_token(
    context: Any, sign_in: Callable[..., Browser], fetch_tokens: FetchTokens
) -> None:
    alice = sign_in("alice")
    page = alice.upload(alice.open(f"{context.site}/files/"), "file", "by-api.txt", b"listed")
    tokens = fetch_tokens("alice")
    response = api.list_files(context, tokens["access_token"], id_token=tokens["id_token"])
    assert response.status_code == 200
    assert response.json()["identity_id"] == page.get_codes("my-identity")[0]
    assert [file["size"] for file in response.json()["files"] if file["name"] == "by-api.txt"] == [6]


def test_access_token_without_id_token_reads_notes_only(context: Any, fetch_tokens: FetchTokens) -> None:
    token = fetch_tokens("alice")["access_token"]
    assert api.summarize(api.list_files(context, token)) == "403 id_token_required"
    assert api.summarize(api.list_notes(context, token)) == "200"


def test_id_token_of_another_user_is_rejected(context: Any, fetch_tokens: FetchTokens) -> None:
    alice, bob = fetch_tokens("alice"), fetch_tokens("bob")
    response = api.list_files(context, alice["access_token"], id_token=bob["id_token"])
    assert response.status_code == 401


def test_files_api_rejects_id_token_of_another_sign_in(context: Any, fetch_tokens: FetchTokens) -> None:
    first, second = fetch_tokens("alice"), fetch_tokens("alice")
    assert api.list_files(context, first["access_token"], id_token=second["id_token"]).status_code == 401


def test_session_lists_files_without_id_token_header(context: Any, sign_in: Callable[..., Browser]) -> None:
    assert "identity_id" in sign_in("bob").download(f"{context.site}/api/files/?format=json").json()


def test_anonymous_files_request_is_rejected(context: Any) -> None:
    assert api.list_files(context, "").status_code == 401


def _request_machine_token(stack: Stack, scope: str = "fieldnotes/read") -> requests.Response:
    credentials = stack.pool.clients[MACHINE_CLIENT], stack.pool.secrets[MACHINE_CLIENT]
    form = {"grant_type": "client_credentials", "scope": scope}
    return requests.post(f"{stack.cognito}/oauth2/token", data=form, auth=credentials, timeout=TIMEOUT_SECONDS)


def test_machine_client_has_permissions_of_its_scope_only(stack: Stack, context: Any) -> None:
    token = _request_machine_token(stack).json()["access_token"]
    assert api.summarize(api.list_notes(context, token)) == "200"
    assert api.summarize(api.create_note(context, token)) == "403 permission_required"
    assert api.summarize(api.list_files(context, token)) == "403 person_required"


def test_machine_client_gets_no_other_scope(stack: Stack) -> None:
    assert _request_machine_token(stack, "fieldnotes/write").status_code == 400
