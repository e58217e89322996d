"""10,000 tokens of 20 users in shuffled order, to two gunicorn processes at once: the order leaves no trace."""

import random
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from typing import NamedTuple

import pytest
from django.db import connection

from django_cognito.testing import make_token
from django_cognito.testing.keys import jwks, signing_key
from tests.support.gunicorn_server import listening_socket, serve
from tests.support.scripted_server import ScriptedServer, json_answer
from tests.support.user_scenario import NOW

from .token_histories import NAMES, Event, expected_state, stored_state

USERS, REQUESTS, WITH_ID_TOKEN = 20, 9_000, 1_000
SECONDS = 200  # the tokens' moments: about 500 tokens of each user, so several are of one second
CLIENTS = 8


class Call(NamedTuple):
    """A request, and the events that it states."""

    username: str
    headers: dict[str, str]
    events: tuple[Event, ...]


@pytest.mark.needs("database_server")
@pytest.mark.django_db(transaction=True)
def test_ten_thousand_tokens_in_shuffled_order_leave_what_the_oracle_computes() -> None:
    seed = random.randrange(10**6)
    calls = _calls(random.Random(seed))
    with (
        ScriptedServer(json_answer(jwks())) as keys,
        listening_socket() as listening,
        serve("tests.users.two_process_site", listening, _variables(keys.url)),
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        ports = [listening.getsockname()[1]] * CLIENTS
        answers = [answer for part in pool.map(_sent, ports, _parts(calls)) for answer in part]
    assert sum(len(call.events) for call in calls) == 10_000
    assert [answer for answer in answers if answer[0] != 200] == []
    events = defaultdict(list)
    for call in calls:
        events[call.username] += call.events
    stored = {name: stored_state(name) for name in events}
    assert stored == {name: expected_state(each) for name, each in events.items()}, f"seed {seed}"


def _variables(keys_url: str) -> dict[str, str]:
    """Return the environment variables that `two_process_site` reads."""
    return {"ORDER_SITE_DATABASE": connection.settings_dict["NAME"], "ORDER_SITE_JWKS_URI": f"{keys_url}/jwks.json"}


def _calls(chance: random.Random) -> list[Call]:
    """Return the requests in shuffled order, their tokens signed."""
    histories = [_history(chance) for _ in range(USERS)]
    drawn = []
    for number in range(REQUESTS):
        user = chance.randrange(USERS)
        seconds = [chance.randrange(SECONDS) for _ in range(2 if number < WITH_ID_TOKEN else 1)]
        groups = [_groups(chance) if chance.random() < 0.1 else histories[user][second] for second in seconds]
        events = map(Event, [NOW - SECONDS + second for second in seconds], ("access", "id"), groups)
        drawn.append((f"user{user}", tuple(events)))
    chance.shuffle(drawn)
    signing_key()  # made before the threads, which would make one each
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(_call, *zip(*drawn, strict=True)))


def _history(chance: random.Random) -> list[frozenset[str]]:
    """Return the groups of a user in each second: they change now and then, so most tokens in a row state the same."""
    history = [_groups(chance)]
    while len(history) < SECONDS:
        history.append(_groups(chance) if chance.random() < 0.1 else history[-1])
    return history


def _groups(chance: random.Random) -> frozenset[str]:
    return frozenset(chance.sample(NAMES, chance.choice((0, 1, 2, 2, 4))))


def _call(name: str, events: tuple[Event, ...]) -> Call:
    raw = [_token(name, event) for event in events]
    headers = {"Authorization": f"Bearer {raw[0]}"}
    return Call(name, headers | ({"X-Cognito-Id-Token": raw[1]} if len(raw) == 2 else {}), events)


def _token(name: str, event: Event) -> str:
    times = {"iat": event.moment, "auth_time": event.moment, "exp": NOW + 3_600}
    return make_token(token_use=event.source, username=name, groups=sorted(event.groups), **times)


def _parts(calls: list[Call]) -> list[list[Call]]:
    return [calls[start::CLIENTS] for start in range(CLIENTS)]


def _sent(port: int, calls: list[Call]) -> list[tuple[int, bytes]]:
    """Send the requests over one connection; return the answers."""
    answers = []
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as client:
        for call in calls:
            client.request("GET", "/", headers=call.headers)
            response = client.getresponse()
            answers.append((response.status, response.read()))
    return answers
