"""Many first requests at the same moment to two gunicorn processes: each gets 200, and no row is created twice."""

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import Barrier

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from local_cognito_support.scripted_server import ScriptedServer, json_answer

from django_cognito.models import CognitoMembership, CognitoUser
from django_cognito.testing import make_token
from django_cognito.testing.keys import jwks
from tests.authorization.token_histories import Event, expected_state, stored_state
from tests.support.gunicorn_server import ROOT, listening_socket, serve
from tests.support.scenarios.users import NOW
from tests.support.sizes import choose_size

SITE = "tests.users.two_process_site"
REQUESTS = choose_size(60, 200)
THREADS = 12  # of each process, each with a connection to the database
SECONDS = 5  # number of different seconds in which the tokens of a user are issued
GROUPS = ("editors", "helpers")
TABLES = ("auth_user", "django_cognito_cognitouser", "django_cognito_cognitomembership", "auth_group")

NAMES_OF_USERS = (["user"], [f"user{number}" for number in range(REQUESTS // 2)])  # for one site, one after the other


@pytest.fixture
def keys_url() -> Iterator[str]:
    """Yield the URL of a server that serves the keys of `make_token`."""
    with ScriptedServer(json_answer(jwks())) as server:
        yield server.url


@pytest.mark.django_db(transaction=True)
def test_parallel_first_requests_create_each_user_once(keys_url: str) -> None:
    with _site(keys_url, {"ORDER_SITE_DATABASE": str(connection.settings_dict["NAME"])}) as port:
        answers = [_send_at_once(port, names) for names in NAMES_OF_USERS]
    assert answers == [_expected_answers(names) for names in NAMES_OF_USERS]
    counts = [model.objects.count() for model in (User, CognitoUser, CognitoMembership, Group)]
    assert counts == _expected_counts()
    assert {stored_state(name) for names in NAMES_OF_USERS for name in names} == {
        expected_state([Event(NOW, "access", frozenset(GROUPS))])
    }


@pytest.mark.needs("sqlite")  # the job with SQLite runs it, and no other
def test_parallel_first_requests_on_default_sqlite_create_users_once(keys_url: str, tmp_path: Path) -> None:
    file = tmp_path / "site.sqlite3"
    variables = {"ORDER_SITE_DATABASE": str(file), "ORDER_SITE_IS_SQLITE_BY_DEFAULTS": "yes"}
    _migrate(variables)
    with _site(keys_url, variables) as port:
        answers = [_send_at_once(port, names) for names in NAMES_OF_USERS]
    assert answers == [_expected_answers(names) for names in NAMES_OF_USERS]
    with closing(sqlite3.connect(file)) as database:
        counts = [database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in TABLES]
    assert counts == _expected_counts()


@contextmanager
def _site(keys_url: str, variables: Mapping[str, str]) -> Iterator[int]:
    variables = {**variables, "ORDER_SITE_JWKS_URI": f"{keys_url}/jwks.json"}
    with listening_socket() as listening, serve(SITE, listening, variables, threads=THREADS):
        yield listening.getsockname()[1]


def _migrate(variables: Mapping[str, str]) -> None:
    """Create the tables of the site."""
    variables = {**variables, "DJANGO_SETTINGS_MODULE": SITE, "ORDER_SITE_JWKS_URI": "http://127.0.0.1/jwks.json"}
    command = [sys.executable, "-m", "django", "migrate", "--verbosity=0", "--skip-checks"]
    subprocess.run(command, env={**os.environ, **variables}, cwd=ROOT, check=True, timeout=300)


def _send_at_once(port: int, names: list[str]) -> Counter[tuple[int, str]]:
    """Send the requests of all users at the same moment; return how often each pair of status and body was returned."""
    count = len(names)
    tokens = [_token(names[number % count], NOW - number // count % SECONDS) for number in range(REQUESTS)]
    barrier = Barrier(REQUESTS)

    def send(raw: str) -> tuple[int, str]:
        with closing(HTTPConnection("127.0.0.1", port, timeout=300)) as client:
            client.connect()
            barrier.wait(300)
            client.request("GET", "/", headers={"Authorization": f"Bearer {raw}"})
            response = client.getresponse()
            body = response.read().decode()
            return response.status, body if response.status == 200 else ""

    with ThreadPoolExecutor(REQUESTS) as pool:
        return Counter(pool.map(send, tokens))


def _token(name: str, moment: int) -> str:
    times = {"iat": moment, "auth_time": moment, "exp": NOW + 3_600}
    return make_token(username=name, groups=GROUPS, **times)


def _expected_answers(names: list[str]) -> Counter[tuple[int, str]]:
    return Counter({(200, name): REQUESTS // len(names) for name in names})


def _expected_counts() -> list[int]:
    """Return the numbers of users, links, memberships and Django groups."""
    users = sum(map(len, NAMES_OF_USERS))
    return [users, users, users * len(GROUPS), 2]
