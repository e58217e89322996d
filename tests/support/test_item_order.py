"""The order of the tests for the workers of pytest-xdist."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.item_order import group_items


def create_item(nodeid: str, *marks: pytest.Mark, fixture: str = "") -> Any:
    def find(name: str) -> list[pytest.Mark]:
        return [mark for mark in marks if mark.name == name]

    return SimpleNamespace(
        nodeid=nodeid,
        fixturenames=[fixture],
        iter_markers=find,
        get_closest_marker=lambda name: next(iter(find(name)), None),
    )


CHROMIUM = pytest.mark.needs("npm", "chromium").mark
ITEMS = [
    create_item("tests/guide/1", pytest.mark.django_db.mark),
    create_item("tests/users/2", fixture="db"),
    create_item("tests/example_project/3", CHROMIUM),
    create_item("tests/core/4"),
    create_item("tests/browser/5", CHROMIUM),
    create_item("tests/core/6"),
    create_item("tests/guide/7"),
    create_item("tests/core/8"),
    create_item("tests/core/9"),
]


@pytest.mark.parametrize(
    ("workers", "order"),
    [(1, "123754689"), (2, "125437689"), (3, "125468379"), (9, "125468937")],
)
def test_tests_that_share_a_site_start_the_last_part(workers: int, order: str) -> None:
    items = group_items(ITEMS, workers)
    assert "".join(item.nodeid[-1] for item in items) == order
