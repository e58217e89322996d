"""Send many first requests at the same moment in two processes, and print what was stored: `python -m ... PER_USER`.

A process has one user model (the variable USER_MODEL), so the tests run this module as a script. It makes its own
database. The processes are forked, so that they need no second start.
"""

import json
import multiprocessing
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import django
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

PROCESSES = 2
SECONDS = 5  # number of different seconds in which the tokens of a user are issued
_FORK: Any = multiprocessing.get_context("fork")
_start = _FORK.Barrier(PROCESSES)


def show_user(request: HttpRequest) -> HttpResponse:
    """Respond with the primary key of the user."""
    return HttpResponse(str(request.user.pk))


urlpatterns = [path("", show_user)]


def send_requests(tokens: list[tuple[str, str]], threads: int) -> tuple[list[tuple[str, int, str]], Counter[str]]:
    """Send a request with each token; return name, status and body of each, and how often a write was repeated."""
    from django.test import Client

    from django_cognito.db import transactions
    from django_cognito.users.writing import provisioning

    repeated: Counter[str] = Counter()

    def count_calls(module: Any, name: str, label: str) -> None:
        function = getattr(module, name)

        def counted(*arguments: Any) -> Any:
            repeated[label] += 1
            return function(*arguments)

        setattr(module, name, counted)

    count_calls(transactions, "is_conflict", "deadlocks and timeouts")
    count_calls(provisioning, "_fetch_link_after_conflict", "rows of another request")
    barrier = Barrier(threads, action=lambda: _start.wait(300))

    def send(number: int) -> list[tuple[str, int, str]]:
        answers = []
        connection.ensure_connection()
        barrier.wait(300)
        for name, raw in tokens[number::threads]:
            response = Client().get("/", headers={"Authorization": f"Bearer {raw}"})
            answers.append((name, response.status_code, response.content.decode()))
        connection.close()
        return answers

    with ThreadPoolExecutor(threads) as pool:
        answers = [answer for part in pool.map(send, range(threads)) for answer in part]
    return answers, repeated


def send_at_once(names: list[str], count: int, threads: int) -> dict[str, Any]:
    """Send `count` requests of all users; return the statuses, the keys of each user, and the repeated writes."""
    from django_cognito.testing import make_token

    now = int(time.time())
    tokens = []
    for number in range(count):
        moment = now - number // len(names) % SECONDS
        times = {"iat": moment, "auth_time": moment, "exp": now + 3_600}
        name = names[number % len(names)]
        tokens.append((name, make_token(username=name, groups=["editors", "helpers"], **times)))
    connection.close()
    started = time.perf_counter()
    # Consecutive tokens are of different users: the requests of one user are shared by both processes.
    half = [tokens[: count // 2], tokens[count // 2 :]]
    with _FORK.Pool(PROCESSES) as pool:
        results = pool.starmap(send_requests, [(part, threads) for part in half], chunksize=1)
        pool.close()
        pool.join()
    keys = defaultdict[str, set[str]](set)
    for answers, _ in results:
        for name, _, body in answers:
            keys[name].add(body)
    return {
        "statuses": sorted({status for answers, _ in results for _, status, _ in answers}),
        "keys of a user": max(map(len, keys.values())),
        "users": len(set().union(*keys.values())),
        "repeated": sum((repeated for _, repeated in results), Counter[str]()),
        "seconds": round(time.perf_counter() - started, 2),
    }


def count_rows() -> dict[str, int]:
    """Return the number of rows of each table that first requests write."""
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Group

    from django_cognito.models import CognitoMembership, CognitoUser

    models: tuple[Any, ...] = (get_user_model(), CognitoUser, CognitoMembership, Group)
    return {model.__name__: model._base_manager.count() for model in models}


def main(requests: int, users: int, threads: int) -> None:
    """Print the results of one user and of `users` users, each with `requests` requests in all, and the rows."""
    django.setup()
    from django_cognito.testing import trusted_keys

    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        with trusted_keys():
            results = [
                send_at_once(names, requests, threads) for names in (["user"], [f"user{n}" for n in range(users)])
            ]
        print(json.dumps({"results": results, "rows": count_rows()}))
    finally:
        connection.creation.destroy_test_db(str(connection.settings_dict["NAME"]), verbosity=0)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
