"""Many writers and readers of datasets at the same moment, in threads on a real database."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from django_cognito.conf.loading import get_settings
from django_cognito.datasets import reading, writing
from django_cognito.datasets.changes import WriteRequest, create_change
from django_cognito.datasets.errors import DatasetError
from django_cognito.datasets.models import Dataset, Operation, Record
from tests.support.sizes import choose_size
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
WRITERS = choose_size(12, 50)
# Threads, and writes of each. At full size 500 writes, each to a dataset of its own, by 50 threads: a thread needs a
# connection, of which PostgreSQL has 100 and MariaDB 151 by default. SQLite lets writers wait in no
# order: of 50 threads, one may wait for longer than `timeout`.
IS_SQLITE = connection.vendor == "sqlite"
MANY_WRITERS, WRITES_ON_MANY = choose_size((16, 3), (10, 50) if IS_SQLITE else (50, 10))
_PAUSE_SECONDS = 0.01  # of a reader: SQLite lets no writer commit while one reads


@pytest.fixture
def users(transactional_db: None, cognito: Any) -> list[User]:
    cognito(DATASETS_MAX_WRITES=1_000)
    return [User.objects.create_user(f"user{number}") for number in range(choose_size(2, 25))]


def write(user: User, name: str, key: str, operation_id: str = "") -> str:
    change = create_change(key, "x", 0, get_settings())
    return writing.write_records(user, name, WriteRequest((change,), False, operation_id or key, "digest"))


class Reader:
    """Reads all changes of a dataset until `stop` is set, and once more after that."""

    def __init__(self, user: User, name: str, stop: threading.Event) -> None:
        self.user, self.name, self.stop = user, name, stop
        self.counts: list[int] = []
        self.keys: list[str] = []
        self.reads = 0

    def __call__(self) -> None:
        since = 0
        while True:
            is_last = self.stop.is_set()
            page = reading.read_page(self.user, self.name, since)
            assert all(since < record.sync_count <= page.next_since for record in page.records)
            self.counts += [record.sync_count for record in page.records]
            self.keys += [record.key for record in page.records]
            self.reads += 1
            since = page.next_since
            if is_last and not page.has_more:
                return
            time.sleep(_PAUSE_SECONDS)


def run_beside(readers: list[Reader], stop: threading.Event, writers: list[Callable[[], Any]]) -> None:
    """Run all at once; the readers stop after the last writer."""
    left = threading.Semaphore(0)

    def write_and_count(call: Callable[[], Any]) -> None:
        try:
            call()
        finally:
            left.release()

    def wait_for_writers() -> None:
        for _ in writers:
            left.acquire(timeout=120)
        stop.set()

    at_once([wait_for_writers, *readers, *(partial(write_and_count, call) for call in writers)])


def test_readers_beside_writers_of_one_dataset_see_each_count_once(users) -> None:
    stop = threading.Event()
    readers = [Reader(users[0], "d", stop) for _ in range(4)]
    run_beside(readers, stop, [partial(write, users[0], "d", f"k{number}") for number in range(WRITERS)])
    for reader in readers:
        assert reader.counts == list(range(1, WRITERS + 1))
        assert sorted(reader.keys) == sorted(f"k{number}" for number in range(WRITERS))
    assert Dataset.objects.get().sync_count == Dataset.objects.get().record_count == WRITERS


def test_readers_beside_writers_of_many_datasets_see_each_count_once(users) -> None:
    targets = [(user, f"d{number}") for user in users for number in range(choose_size(4, 20))]
    stop = threading.Event()
    readers = [Reader(user, name, stop) for user, name in targets[:4]]
    written: Counter[tuple[User, str]] = Counter()

    def write_several(thread: int) -> None:
        for number in range(WRITES_ON_MANY):
            target = targets[(thread * WRITES_ON_MANY + number) % len(targets)]
            write(*target, f"k{thread}.{number}")

    for index in range(MANY_WRITERS * WRITES_ON_MANY):
        written[targets[index % len(targets)]] += 1
    run_beside(readers, stop, [partial(write_several, thread) for thread in range(MANY_WRITERS)])
    for reader in readers:
        assert reader.counts == list(range(1, written[reader.user, reader.name] + 1))
    for dataset in Dataset.objects.select_related("user"):
        assert dataset.sync_count == written[dataset.user, dataset.name]
    assert Record.objects.count() == MANY_WRITERS * WRITES_ON_MANY


def test_operation_sent_several_times_at_once_is_written_once(users) -> None:
    answers = at_once([partial(write, users[0], "d", "k", "one")] * 8)
    assert len(set(answers)) == 1
    assert (Dataset.objects.get().sync_count, Record.objects.count(), Operation.objects.count()) == (1, 1, 1)


def test_parallel_first_writes_create_one_dataset(users) -> None:
    at_once([partial(write, users[0], "d", f"k{number}") for number in range(8)])
    assert Dataset.objects.get().sync_count == 8


def test_parallel_first_writes_of_many_datasets_respect_the_limit(users, cognito) -> None:
    cognito(DATASETS_MAX_COUNT=3)

    def attempt(name: str) -> str:
        try:
            return write(users[0], name, "k") and "written"
        except DatasetError as error:
            return error.code

    results = at_once([partial(attempt, f"d{number}") for number in range(8)])
    assert Counter(results) == {"written": 3, "datasets_limit": 5}
    assert Dataset.objects.count() == 3


def test_parallel_changes_of_one_record_conflict_but_for_one(users) -> None:
    answers = at_once([partial(write, users[0], "d", "k", f"op{number}") for number in range(8)])
    assert sum('"conflicts":[]' in answer for answer in answers) == 1
    assert Dataset.objects.get().sync_count == 1


def test_second_writer_waits_for_the_commit_of_the_first(users) -> None:
    write(users[0], "d", "k0")
    is_done = threading.Event()

    def write_second() -> None:
        try:
            write(users[0], "d", "k2")
        finally:
            is_done.set()
            connection.close()

    thread = threading.Thread(target=write_second)
    with transaction.atomic():
        write(users[0], "d", "k1")
        thread.start()
        assert not is_done.wait(0.3)
    assert is_done.wait(120)
    thread.join()
    page = reading.read_page(users[0], "d", 1)
    assert [(record.key, record.sync_count) for record in page.records] == [("k1", 2), ("k2", 3)]


def test_write_after_a_statement_of_a_reader_is_read_later(users) -> None:
    write(users[0], "d", "k0")
    later = iter(["k1", "k2", "k3"])

    def write_in_a_thread() -> None:
        try:
            write(users[0], "d", next(later))
        finally:
            connection.close()

    def write_after(execute: Any, *arguments: Any) -> Any:
        result = execute(*arguments)
        if not IS_SQLITE:  # there the reader holds the database until its rows are fetched
            thread = threading.Thread(target=write_in_a_thread)
            thread.start()
            thread.join()
        return result

    with connection.execute_wrapper(write_after):
        page = reading.read_page(users[0], "d", 0)
    rest = reading.read_page(users[0], "d", page.next_since)
    assert all(record.sync_count <= page.version.sync_count for record in page.records)
    counts = [record.sync_count for record in (*page.records, *rest.records)]
    assert counts == list(range(1, Dataset.objects.get().sync_count + 1))
    assert IS_SQLITE or len(counts) > 1


@pytest.mark.needs("database_server")
@pytest.mark.parametrize("name", ["d", "new"])
def test_deletion_of_a_user_waits_for_a_write(users, name) -> None:
    write(users[0], "d", "k0")
    errors: list[Exception] = []

    def delete_user() -> None:
        try:
            User.objects.get(pk=users[0].pk).delete()
        except DatabaseError as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=delete_user)
    with transaction.atomic():
        write(users[0], name, "k1")
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(120)
    assert errors == []
    assert [model.objects.count() for model in (Dataset, Record, Operation)] == [0, 0, 0]
    assert User.objects.count() == len(users) - 1
    with pytest.raises(DatasetError, match="the user was deleted"):
        write(users[0], "d", "k2")
