"""The order of the tests: those that share a site, a project or Chromium run in one worker of pytest-xdist.

With `--dist=worksteal`, each worker begins with a part of the tests in their order, and an idle worker takes the last
tests of another. Fixtures of the session are set up in each worker that has a test with them.
"""

from collections.abc import Sequence

import pytest

# The tests share the site of the example, the project of the getting-started page, or the JavaScript clients from npm:
# each takes seconds to create.
SHARED_SITES = ("tests/example_project/", "tests/guide/", "packages/local-cognito/tests/test_identity_js.py")
_DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}


def group_items(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """Return the items, those of `SHARED_SITES` at the start of the last worker's part: none is taken from there early.

    The others with Chromium follow those with the database, which include more of them. The database remains first, as
    pytest-django has it, and the order within each group is that of `items`.
    """
    groups: dict[str, list[pytest.Item]] = {"database": [], "chromium": [], "site": [], "other": []}
    for item in items:
        groups[_group_of(item)].append(item)
    ordered = [*groups["database"], *groups["chromium"], *groups["other"]]
    start = max(len(groups["database"]), len(items) * (workers - 1) // workers)
    return [*ordered[:start], *groups["site"], *ordered[start:]]


def _group_of(item: pytest.Item) -> str:
    fixtures = set(getattr(item, "fixturenames", ()))
    if item.get_closest_marker("django_db") or fixtures & _DATABASE_FIXTURES:
        return "database"
    if item.nodeid.startswith(SHARED_SITES):
        return "site"
    has_chromium = any("chromium" in mark.args for mark in item.iter_markers("needs"))
    return "chromium" if has_chromium else "other"
