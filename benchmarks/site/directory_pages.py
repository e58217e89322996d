"""A contestant: pages of 60 users of the directory, written to the database. A call writes one page.

Options: `sets` is what a run of `cognito_sync` does with a page; `loop` is the loop that sites write, with
`update_or_create` and `groups.set`. With `-changed` each user has another name on each page, otherwise only the time
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
PAGE_SIZE = 60
_PAGES = 20
_START = datetime(2026, 1, 1, tzinfo=UTC)
_turns = count(1)  # of the pages that this process has made
_option = ""


def prepare(scenario: Scenario, option: str) -> Callable[[Sequence[Any]], None]:
    """Create the users of all pages, and return the function that writes a page."""
    global _option
    _option = option
    start(scenario, "django-cognito")
    from django.db import connection

    write = _write_set if option.startswith("sets") else _write_in_a_loop
    for _ in range(_PAGES):
        _write_set(_create_page(), create=True)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does it on a site
    return write


def make_input(_: str) -> Sequence[Any]:
    """Return the next page."""
    return _create_page()


def get_facts(call: Callable[[Sequence[Any]], None], _: Scenario) -> dict[str, tuple[int, int]]:
    """Return queries and writes for one page."""
    return {"page": count_queries(call, _create_page())}


def _create_page() -> Sequence[Any]:
    from django_cognito.core.directory import DirectoryUser

    turn = next(_turns)
    moment = _START + timedelta(seconds=turn)
    suffix = turn // _PAGES if "changed" in _option else ""
    first = turn % _PAGES * PAGE_SIZE
    page = []
    for number in range(first, first + PAGE_SIZE):
        sub = f"{_option}-{number}"
        attributes = {"sub": sub, "email": f"{sub}@example.com", "email_verified": "true", "given_name": f"A{suffix}"}
        page.append(DirectoryUser(sub, sub, attributes, True, "CONFIRMED", moment, moment))
    return page


@cache
def _create_run(number: int) -> Any:
    """Return the state of the run with this number, which writes each page once."""
    from django_cognito.conf.loading import get_settings
    from django_cognito.sync.confirmation import Confirmation

    return Confirmation(get_settings(), _START + timedelta(seconds=number * _PAGES))


def _write_set(page: Sequence[Any], *, create: bool = False) -> None:
    from django_cognito.users.writing.bulk_provisioning import update_users

    moment = page[0].modified_at
    run = _create_run((moment - _START) // timedelta(seconds=_PAGES))
    groups = {user.sub: [GROUP] if user.sub.endswith(("0", "5")) else [] for user in page}
    claims, _ = run.select_changed(page, groups, moment)
    run.add_written(update_users(claims, create=create).listed)


def _write_in_a_loop(page: Sequence[Any]) -> None:
    from django.contrib.auth.models import Group, User

    for item in page:
        values = {"email": item.attributes["email"], "first_name": item.attributes["given_name"]}
        user, _ = User.objects.update_or_create(username=item.username, defaults=values)
        names = [GROUP] if item.sub.endswith(("0", "5")) else []
        user.groups.set(Group.objects.filter(name__in=names))
