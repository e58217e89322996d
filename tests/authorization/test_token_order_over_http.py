"""Tokens of many users in shuffled order, sent to two gunicorn processes: the order has no effect."""

import random
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from typing import NamedTuple

import pytest
from django.db import connection
from local_cognito_support.scripted_server import ScriptedServer, json_answer

from django_cognito.testing import make_token
from django_cognito.testing.keys import jwks, signing_key
from tests.support.gunicorn_server import listening_socket, serve
from tests.support.scenarios.users import NOW
from tests.support.sizes import choose_size

from .token_histories import NAMES, Event, expected_state, stored_state

USERS = choose_size(8, 20)
REQUESTS, WITH_ID_TOKEN = choose_size((360, 40), (9_000, 1_000))
SECONDS = choose_size(20, 200)  # range of the tokens' moments: several of each user in the same second
CLIENTS = 8


class Call(NamedTuple):
    """A request and the events of its tokens."""

    username: str
    headers: dict[str, str]
    events: tuple[Event, ...]


@pytest.mark.needs("database_server")
@pytest.mark.django_db(transaction=True)
def test_shuffled_tokens_leave_the_expected_state() -> None:
    seed = random.randrange(10**6)
    calls = _calls(random.Random(seed))
    with (
        ScriptedServer(json_answer(jwks())) as keys,
        listening_socket() as listening,
        serve("tests.users.two_process_site", listening, _variables(keys.url)),
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        ports = [listening.getsockname()[1]] * CLIENTS
        responses = [response for part in pool.map(_send_all, ports, _parts(calls)) for response in part]
    assert sum(len(call.events) for call in calls) == REQUESTS + WITH_ID_TOKEN
    assert [response for response in responses if response[0] != 200] == []
    events = defaultdict(list)
    for call in calls:
        events[call.username] += call.events
    stored = {name: stored_state(name) for name in events}
    assert stored == {name: expected_state(history) for name, history in events.items()}, f"seed {seed}"


def _variables(keys_url: str) -> dict[str, str]:
    """Return the environment variables that `two_process_site` reads."""
    return {"ORDER_SITE_DATABASE": connection.settings_dict["NAME"], "ORDER_SITE_JWKS_URI": f"{keys_url}/jwks.json"}


def _calls(rng: random.Random) -> list[Call]:
    """Return the requests in shuffled order, their tokens signed."""
    histories = [_history(rng) for _ in range(USERS)]
    requests = []
    for number in range(REQUESTS):
        user = rng.randrange(USERS)
        seconds = [rng.randrange(SECONDS) for _ in range(2 if number < WITH_ID_TOKEN else 1)]
        groups = [_groups(rng) if rng.random() < 0.1 else histories[user][second] for second in seconds]
        events = map(Event, [NOW - SECONDS + second for second in seconds], ("access", "id"), groups)
        requests.append((f"user{user}", tuple(events)))
    rng.shuffle(requests)
    signing_key()  # created before the threads, which would each create one
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(_call, *zip(*requests, strict=True)))


def _history(rng: random.Random) -> list[frozenset[str]]:
    """Return the groups of a user in each second: they change rarely, so most successive tokens have equal groups."""
    history = [_groups(rng)]
    while len(history) < SECONDS:
        history.append(_groups(rng) if rng.random() < 0.1 else history[-1])
    return history


def _groups(rng: random.Random) -> frozenset[str]:
    return frozenset(rng.sample(NAMES, rng.choice((0, 1, 2, 2, 4))))


def _call(name: str, events: tuple[Event, ...]) -> Call:
    raw = [_token(name, event) for event in events]
    headers = {"Authorization": f"Bearer {raw[0]}"}
    return Call(name, headers | ({"X-Cognito-Id-Token": raw[1]} if len(raw) == 2 else {}), events)


def _token(name: str, event: Event) -> str:
    times = {"iat": event.moment, "auth_time": event.moment, "exp": NOW + 3_600}
    return make_token(token_use=event.source, username=name, groups=sorted(event.groups), **times)


def _parts(calls: list[Call]) -> list[list[Call]]:
    return [calls[start::CLIENTS] for start in range(CLIENTS)]


def _send_all(port: int, calls: list[Call]) -> list[tuple[int, bytes]]:
    """Send the requests over one connection; return status and body of each response."""
    responses = []
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as client:
        for call in calls:
            client.request("GET", "/", headers=call.headers)
            response = client.getresponse()
            responses.append((response.status, response.read()))
    return responses
