"""A contestant: users of the directory, written to the database. A call writes five pages of 60, as a run does.

Options: `sets` is what a run of `cognito_sync` does with pages; `loop` is the loop that sites write, with
`update_or_create` and `groups.set`. With `-changed` each user has another name in each run, otherwise only the time
moves on.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

from ..tokens import GROUP, Scenario
from .queries import count_queries
from .start import start

NEEDS_CHECK = False
USERS_PER_CALL = 300
_CALLS = 4  # of a run
_START = datetime(2026, 1, 1, tzinfo=UTC)
_turns = count(1)  # of the calls that this process has prepared
_option = ""


def prepare(scenario: Scenario, option: str) -> Callable[[Sequence[Any]], None]:
    """Create all users, and return the function that writes the users of a call."""
    global _option
    _option = option
    start(scenario, "django-cognito")
    from django.db import connection

    write = _write_set if option.startswith("sets") else _write_in_a_loop
    for _ in range(_CALLS):
        _write_set(_create_entries(), create=True)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does it on a site
    return write


def make_input(_: str) -> Sequence[Any]:
    """Return the next entries of the directory."""
    return _create_entries()


def get_facts(call: Callable[[Sequence[Any]], None], _: Scenario) -> dict[str, tuple[int, int]]:
    """Return queries and writes for one call."""
    return {"call": count_queries(call, _create_entries())}


def _create_entries() -> Sequence[Any]:
    from django_cognito.core.directory import DirectoryUser

    turn = next(_turns)
    moment = _START + timedelta(seconds=turn)
    suffix = turn // _CALLS if "changed" in _option else ""
    first = turn % _CALLS * USERS_PER_CALL
    entries = []
    for number in range(first, first + USERS_PER_CALL):
        sub = f"{_option}-{number}"
        attributes = {"sub": sub, "email": f"{sub}@example.com", "email_verified": "true", "given_name": f"A{suffix}"}
        entries.append(DirectoryUser(sub, sub, attributes, True, "CONFIRMED", moment, moment))
    return entries


@cache
def _create_run(number: int) -> Any:
    """Return the state of the run with this number, which writes each user once."""
    from django_cognito.conf.loading import get_settings
    from django_cognito.sync.confirmation import Confirmation

    return Confirmation(get_settings(), _START + timedelta(seconds=number * _CALLS))


def _write_set(entries: Sequence[Any], *, create: bool = False) -> None:
    from django_cognito.users.writing.bulk_provisioning import update_users

    moment = entries[0].modified_at
    run = _create_run((moment - _START) // timedelta(seconds=_CALLS))
    groups = {user.sub: [GROUP] if user.sub.endswith(("0", "5")) else [] for user in entries}
    claims, _ = run.select_changed(entries, groups, moment)
    run.add_written(update_users(claims, create=create).listed)


def _write_in_a_loop(entries: Sequence[Any]) -> None:
    from django.contrib.auth.models import Group, User

    for item in entries:
        values = {"email": item.attributes["email"], "first_name": item.attributes["given_name"]}
        user, _ = User.objects.update_or_create(username=item.username, defaults=values)
        names = [GROUP] if item.sub.endswith(("0", "5")) else []
        user.groups.set(Group.objects.filter(name__in=names))
