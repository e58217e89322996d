"""Pages of a dataset, the cost of a poll, and deletions that are no longer kept."""

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_cognito.core.clock import utc_now
from django_cognito.datasets import clean_up, writing
from django_cognito.datasets.models import Dataset, Operation, Record
from tests.support.guide import GUIDE

from .api import Api, error_of, record

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]


@pytest.fixture
def api(db: None, cognito_keys: None) -> Api:
    return Api()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that sets the clock of the writers: `later(days=30)`."""
    start = utc_now()

    def move(**duration: float) -> None:
        for module in (writing, clean_up):
            monkeypatch.setattr(module, "utc_now", lambda: start + timedelta(**duration))

    move()
    return move


def read_pages(api: Api, since: int = 0) -> list[list[str]]:
    """Return the keys of each page, from `since` to the last."""
    pages, query = [], {"since": since}
    while True:
        page = api.read(**query)
        pages.append([item["key"] for item in page["records"]])
        if not page["more"]:
            assert page["next_since"] == page["sync_count"]
            return pages
        query = {"since": page["next_since"], "start": page["start"]}


def test_page_has_500_records_and_splits_no_count(api) -> None:
    for letter, size in (("a", 300), ("b", 200), ("c", 1), ("d", 500), ("e", 2)):
        api.write(*(record(f"{letter}{number:03}", number) for number in range(size)))
    pages = read_pages(api)
    assert [len(page) for page in pages] == [500, 1, 500, 2]
    assert [page[0][0] + page[-1][0] for page in pages] == ["ab", "cc", "dd", "ee"]
    keys = [key for page in pages for key in page]
    assert keys == sorted(keys)
    assert [len(page) for page in read_pages(api, since=1)] == [201, 500, 2]


def test_records_of_one_write_are_on_one_page(api) -> None:
    api.write(*(record(f"a{number}", number) for number in range(501)))
    api.write(record("b"))
    first = api.read()
    assert (len(first["records"]), first["more"], first["next_since"]) == (501, True, 1)
    assert [len(page) for page in read_pages(api)] == [501, 1]
    api.write(*(record(f"a{number}", number, 1) for number in range(501)))
    assert [len(page) for page in read_pages(api)] == [1, 501]
    assert [len(page) for page in read_pages(api, since=3)] == [0]


def test_poll_without_news_is_one_query(api, django_assert_num_queries) -> None:
    api.write(*(record(f"k{number}", "x" * 1_000) for number in range(100)))
    etag = api.get(since=1)["ETag"]
    with CaptureQueriesContext(connection) as authentication:
        assert api.get("not a name").status_code == 400
    with CaptureQueriesContext(connection) as queries:
        assert api.get(since=1, headers={"if-none-match": etag}).status_code == 304
    assert len(queries) == len(authentication) + 1
    assert "cognito_datasets_record" not in queries[-1]["sql"]
    with django_assert_num_queries(len(authentication) + 1):
        assert api.get(since=1).json()["records"] == []
    with django_assert_num_queries(len(authentication) + 1):
        assert len(api.get().json()["records"]) == 100


def test_conflicts_and_pages_read_no_other_dataset(api) -> None:
    api.write(record("a", 1), name="one")
    api.write(record("a", 2), name="two")
    assert [item["value"] for item in api.read("one")["records"]] == [1]
    (conflict,) = api.write(record("a", 3), name="two")["conflicts"]
    assert conflict["value"] == 2


def test_deletion_stays_for_30_days(api, later) -> None:
    api.write(record("a"), record("b"))
    api.write(record("a", None, 1))
    later(days=29.99)
    api.write(record("b", 2, 1))
    assert [item["key"] for item in api.read(since=1)["records"]] == ["a", "b"]
    later(days=30.1)
    api.write(record("b", 3, 3))
    assert error_of(api.get(since=1)) == (410, "resync_required")
    assert [item["key"] for item in api.read(since=2)["records"]] == ["b"]
    assert [item["key"] for item in api.read()["records"]] == ["b"]
    assert not Record.objects.filter(key="a").exists()


def test_time_of_deletions_is_a_setting(api, later, cognito) -> None:
    cognito(DATASETS_DELETIONS_SECONDS=86_400)
    api.write(record("a"))
    api.delete()
    later(days=1.1)
    api.write(record("b"))
    assert Record.objects.get().key == "b"


def test_count_never_decreases_after_delete_and_clean_up(api, later) -> None:
    api.write(record("a"), record("b"))
    identifier = api.read()["id"]
    api.delete()
    later(days=31)
    assert call_clean_up() == "Removed 3 rows.\n"
    assert not Record.objects.exists()
    page = api.read()
    assert (page["id"], page["sync_count"], page["records"]) == (identifier, 2, [])
    assert error_of(api.get(since=1)) == (410, "resync_required")
    assert api.get(since=2).status_code == 200
    (conflict,) = api.write(record("a", 1, 2))["conflicts"]
    assert (conflict["sync_count"], conflict["deleted"]) == (0, True)
    assert api.write(record("a", 1))["sync_count"] == 3


def test_pages_of_a_new_device_do_not_need_removed_deletions(api, later) -> None:
    api.write(*(record(f"a{number}", number) for number in range(500)))
    api.write(record("x", 1))
    api.write(record("x", None, 2))
    api.write(record("b", 1))
    later(days=31)
    first = api.read()
    api.write(record("c", 1))
    assert (first["next_since"], first["start"], len(first["records"])) == (1, 4, 500)
    assert error_of(api.get(since=1)) == (410, "resync_required")
    second = api.read(since=1, start=4)
    assert ([item["key"] for item in second["records"]], second["start"]) == (["b", "c"], 4)


def test_deletions_during_pages_of_a_new_device_are_read(api, later) -> None:
    api.write(*(record(f"a{number:03}", number) for number in range(500)))
    api.write(record("b", 1))
    first = api.read()
    api.write(record("a000", None, 1))
    second = api.read(since=first["next_since"], start=first["start"])
    assert [(item["key"], item.get("deleted")) for item in second["records"]] == [("b", None), ("a000", True)]
    later(days=31)
    api.write(record("c", 1))
    assert error_of(api.get(since=first["next_since"], start=first["start"])) == (410, "resync_required")


def test_number_of_deletions_is_bounded(api, later, cognito) -> None:
    cognito(DATASETS_MAX_RECORDS=2)
    for number in range(10):
        api.write(record(f"k{number}"))
        api.write(record(f"k{number}", None, 2 * number + 1))
    later(hours=1)
    api.write(record("a"))
    assert Record.objects.filter(value=None).count() == 8
    assert error_of(api.get(since=3)) == (410, "resync_required")
    assert len(api.read(since=4)["records"]) == 9


def test_deletions_within_an_hour_are_bounded(api, cognito) -> None:
    cognito(DATASETS_MAX_RECORDS=2, DATASETS_MAX_WRITES=1_000)
    count = 0
    for number in range(40):
        count = api.write(record(f"k{number}"))["sync_count"]
        count = api.write(record(f"k{number}", None, count))["sync_count"]
        assert Record.objects.filter(value=None).count() == Dataset.objects.get().deletion_count <= 17
    assert count == 80
    api.write(record("k39", 1, 80))
    assert Record.objects.filter(value=None).count() == Dataset.objects.get().deletion_count
    api.delete()
    assert Record.objects.filter(value=None).count() == Dataset.objects.get().deletion_count


def test_writer_cleans_up_once_an_hour(api, later, writes) -> None:
    api.write(record("a"), operation_id="one")
    Operation.objects.update(created_at=utc_now() - timedelta(days=2))
    later(minutes=59)
    api.write(record("b"))
    assert Operation.objects.count() == 2
    later(minutes=60)
    api.write(record("c"))
    assert Operation.objects.count() == 2
    assert not Operation.objects.filter(operation_id="one").exists()
    dataset = Dataset.objects.get()
    assert dataset.answer_bytes == sum(len(row.answer) for row in Operation.objects.all())
    assert dataset.cleaned_at > utc_now()


def test_command_cleans_all_datasets_in_pages(api, later, monkeypatch) -> None:
    monkeypatch.setattr(clean_up, "_PAGE_SIZE", 2)
    for number in range(5):
        api.write(record("a"), name=f"d{number}")
    assert call_clean_up() == "Removed 0 rows.\n"
    later(days=1)
    assert call_clean_up() == "Removed 5 rows.\n"
    assert (Dataset.objects.count(), Record.objects.count(), Operation.objects.count()) == (5, 5, 0)
    api.write(record("b"), name="d0")
    later(days=2)
    assert call_clean_up() == "Removed 1 row.\n"


def test_command_skips_a_dataset_that_is_deleted_meanwhile(api, monkeypatch) -> None:
    api.write(record())
    monkeypatch.setattr(clean_up, "retry_conflicts", lambda write, _: (Dataset.objects.all().delete(), write())[1])
    assert call_clean_up() == "Removed 0 rows.\n"


def call_clean_up() -> str:
    output = StringIO()
    call_command("cognito_cleardatasets", stdout=output)
    return output.getvalue()


def test_devices_read_a_restored_database_again(api) -> None:
    api.write(record("a", "stored"))
    backup = Dataset.objects.values("sync_count", "record_count", "byte_count").get()
    api.write(record("b", "lost"))
    seen = api.read()["sync_count"]
    Record.objects.filter(key="b").delete()
    Operation.objects.all().delete()
    Dataset.objects.update(**backup)
    (statement,) = re.findall(r"`(UPDATE .*?)`", (GUIDE / "datasets.md").read_text())
    with connection.cursor() as cursor:
        cursor.execute(statement)
    api.write(record("c", "written by another device"))
    assert error_of(api.get(since=seen)) == (410, "resync_required")
    page = api.read()
    assert [item["key"] for item in page["records"]] == ["a", "c"]
    assert api.read(since=page["next_since"])["records"] == []
    (conflict,) = api.write(record("b", "not sent", seen))["conflicts"]
    assert conflict["value"] is None
