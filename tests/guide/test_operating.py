"""docs/operating.md: the table of queries and of requests to Cognito is what the requests cost."""

import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.testing import make_token
from tests.support.guide import GUIDE
from tests.support.scenarios.login import (
    CALLBACK,
    create_login,
    post_logout,
    start_sign_in,
    token_response,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.support.login_site")]
Cost = tuple[int, int]  # queries, requests to Cognito


@pytest.fixture
def measure(token_endpoint: ScriptedServer) -> Callable[[Callable[[], Any]], Cost]:
    """Return a function that calls another one and returns its cost."""

    def call(action: Callable[[], Any]) -> Cost:
        before = token_endpoint.count
        with CaptureQueriesContext(connection) as captured:
            assert action().status_code in (200, 302)
        queries = [query for query in captured if re.match("SELECT|INSERT|UPDATE|DELETE", query["sql"])]
        return len(queries), token_endpoint.count - before

    return call


def read_cost(request: str) -> Cost:
    """Return the two numbers of the row that begins with `request`."""
    row = re.search(rf"^\| {re.escape(request)}[^|]*\| (\d+)[^|]*\| (\d+)", (GUIDE / "operating.md").read_text(), re.M)
    assert row, request
    return int(row[1]), int(row[2])


def get_with_token(username: str = "alice", issued_ago: int = 0, **claims: Any) -> Any:
    token = make_token(username=username, iat=int(time.time()) - issued_ago, **claims)
    return Client().get("/who/", headers={"Authorization": f"Bearer {token}"})


def test_cost_of_requests_with_a_token(measure: Callable[..., Cost]) -> None:
    assert measure(lambda: get_with_token(issued_ago=60)) == read_cost("the first one of a new user")
    token = make_token(username="alice", iat=int(time.time()) - 30)
    get = lambda: Client().get("/who/", headers={"Authorization": f"Bearer {token}"})  # noqa: E731
    queries, requests = measure(get)
    assert measure(get) == (cached := read_cost("API request with a cached token"))
    more = read_cost("the first one with a newer token")
    assert (queries - cached[0], requests) == more


def test_cost_of_a_page_and_of_its_refresh(
    client: Client, token_endpoint: ScriptedServer, measure: Callable[..., Cost]
) -> None:
    login = create_login(client)
    assert measure(lambda: client.get("/who/")) == read_cost("page with a Cognito session")
    login.refresh_from_db()
    type(login).objects.update(expires_at=login.created_at)
    token_endpoint.script(token_response(both={"iat": int(time.time()) + 5}))
    assert measure(lambda: client.get("/who/")) == read_cost("page that refreshes the login")


def test_cost_of_a_sign_in_and_a_sign_out(
    client: Client, token_endpoint: ScriptedServer, measure: Callable[..., Cost]
) -> None:
    for browser in (Client(), client):  # the first sign-in in a minute also looks for logins that must be revoked
        params = start_sign_in(browser)
        newer = {"iat": int(time.time()) + (5 if browser is client else 0)}
        token_endpoint.script(token_response(nonce=params["nonce"], both=newer))
        sign_in = partial(browser.get, CALLBACK, {"code": "a-code", "state": params["state"]})
        cost = measure(sign_in)
    assert cost == read_cost("sign-in")
    token_endpoint.script(Answer(200))
    assert measure(lambda: post_logout(client)) == read_cost("sign-out")
