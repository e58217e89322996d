"""If a replica lags, every read of datasets uses the database that is written to."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_cognito.conf.loading import get_settings
from django_cognito.core.clock import utc_now
from django_cognito.datasets import clean_up, writing
from django_cognito.datasets.access import UserDataset
from django_cognito.datasets.changes import WriteRequest, create_change
from django_cognito.datasets.export import export_datasets
from django_cognito.datasets.models import Dataset, Operation, Record

pytestmark = pytest.mark.django_db


class ReadsFromReplica:
    """A router to a replica that does not exist."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "replica"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"


@pytest.fixture
def user(db: None, settings: Any) -> User:
    """A user with the records a and b of the dataset d, after which reads go to the replica."""
    user = User.objects.create_user("alice")
    write(user, "one", a=1, b=2)
    settings.DATABASE_ROUTERS = [ReadsFromReplica()]
    return user


def write(user: User, operation_id: str, sync_count: int = 0, **values: Any) -> dict[str, Any]:
    changes = tuple(create_change(key, value, sync_count, get_settings()) for key, value in values.items())
    answer = writing.write_records(user, "d", WriteRequest(changes, False, operation_id, "digest"))
    result: dict[str, Any] = json.loads(answer)
    return result


def count_rows(settings: Any) -> tuple[int, int, int]:
    """Return the numbers of live records and of operations, and the dataset's number of records."""
    settings.DATABASE_ROUTERS = []
    live = Record.objects.filter(value__isnull=False).count()
    return live, Operation.objects.count(), Dataset.objects.get().record_count


def test_repeated_operation_is_found_in_the_primary(user, settings) -> None:
    assert write(user, "one", a=1, b=2)["sync_count"] == 1
    assert count_rows(settings) == (2, 1, 2)


def test_write_reads_records_from_the_primary(user, settings) -> None:
    answer = write(user, "two", a=3, c=4)
    assert [item["key"] for item in answer["written"]] == ["c"]
    assert [item["value"] for item in answer["conflicts"]] == [1]
    assert count_rows(settings) == (3, 2, 3)


def test_deletion_of_all_records_reads_them_from_the_primary(user, settings) -> None:
    writing.delete_records(user, "d")
    assert count_rows(settings) == (0, 1, 0)


@pytest.mark.needs("database_server")
def test_deletion_of_all_records_locks_them(user) -> None:
    with CaptureQueriesContext(connection) as queries:
        writing.delete_records(user, "d")
    reads = [query["sql"] for query in queries if query["sql"].startswith("SELECT") and "SUM(" not in query["sql"]]
    assert ["FOR UPDATE" in sql for sql in reads] == [True, True]


def test_expired_operation_is_removed_from_the_primary(user, settings, monkeypatch) -> None:
    later = utc_now() + timedelta(days=2)
    monkeypatch.setattr(writing, "utc_now", lambda: later)
    assert len(write(user, "one", a=3, c=4)["conflicts"]) == 1
    assert count_rows(settings) == (3, 1, 3)


def test_clean_up_reads_from_the_primary(user, settings, monkeypatch) -> None:
    writing.delete_records(user, "d")
    later = utc_now() + timedelta(days=31)
    monkeypatch.setattr(clean_up, "utc_now", lambda: later)
    assert clean_up.clean_all() == 3
    assert count_rows(settings) == (0, 0, 0)


def test_python_reads_use_the_primary(user) -> None:
    dataset = UserDataset(user, "d")
    assert (dataset["a"], dataset.read_all()) == (1, {"a": 1, "b": 2})
    assert [item["name"] for item in export_datasets(user)] == ["d"]
