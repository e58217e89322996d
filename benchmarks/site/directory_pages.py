"""A contestant: pages of 60 users of the directory, written to the database. A call writes one page.

Options: `sets` is `update_users`; `loop` is the loop that sites write, with `update_or_create` and `groups.set`. With
`-changed` each user has another name on each page, otherwise only the time moves on.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from ..tokens import GROUP, Scenario
from .queries import count_queries
from .start import start

NEEDS_CHECK = False
PAGE_SIZE = 60
_PAGES = 20
_turns = count(1)  # of the pages that this process has made
_option = ""


def prepare(scenario: Scenario, option: str) -> Callable[[Sequence[Any]], None]:
    """Create the users of all pages, and return the function that writes a page."""
    global _option
    _option = option
    start(scenario, "django-cognito")
    write = _write_set if option.startswith("sets") else _write_in_a_loop
    for _ in range(_PAGES):
        _write_set(_create_page(), create=True)
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
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=turn)
    suffix = turn // _PAGES if "changed" in _option else ""
    first = turn % _PAGES * PAGE_SIZE
    page = []
    for number in range(first, first + PAGE_SIZE):
        sub = f"{_option}-{number}"
        attributes = {"sub": sub, "email": f"{sub}@example.com", "email_verified": "true", "given_name": f"A{suffix}"}
        page.append(DirectoryUser(sub, sub, attributes, True, "CONFIRMED", moment, moment))
    return page


def _write_set(page: Sequence[Any], *, create: bool = False) -> None:
    from django_cognito.conf.loading import get_settings
    from django_cognito.users.bulk_provisioning import update_users
    from django_cognito.users.claim_sources import claims_from_directory

    settings = get_settings()
    groups = [[GROUP] if user.sub.endswith(("0", "5")) else [] for user in page]
    claims = [
        claims_from_directory(user, names, user.modified_at, settings) for user, names in zip(page, groups, strict=True)
    ]
    update_users(claims, create=create)


def _write_in_a_loop(page: Sequence[Any]) -> None:
    from django.contrib.auth.models import Group, User

    for item in page:
        values = {"email": item.attributes["email"], "first_name": item.attributes["given_name"]}
        user, _ = User.objects.update_or_create(username=item.username, defaults=values)
        names = [GROUP] if item.sub.endswith(("0", "5")) else []
        user.groups.set(Group.objects.filter(name__in=names))
