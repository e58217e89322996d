"""Rows that many transactions lock together, and one that updates them: the row of a run."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from time import sleep

import pytest
from django.db import connection, transaction

from django_cognito.core.clock import utc_now
from django_cognito.db import share_locks
from django_cognito.models import CognitoSync
from django_cognito.sync.lock import SyncLock

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("database_server")]
READERS = 4
ROUNDS = 150
POOL = "eu-west-1_TestPool1"


def call_with_connection(call: Callable[[], object]) -> object:
    try:
        return call()
    finally:
        connection.close()


def test_overlapping_readers_do_not_delay_an_update_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a reader at every moment. Each has a limited number of rounds, so that a failed test ends."""
    monkeypatch.setattr(share_locks, "_MAX_WAIT", "60s")  # a loaded computer is slow
    has_begun, is_updated = Barrier(READERS + 1), Event()
    rows = CognitoSync.objects.filter(user_pool_id=POOL)
    CognitoSync.objects.create(user_pool_id=POOL)

    def read() -> int:
        """Return how many rounds were left when the row was updated."""
        for number in range(ROUNDS):
            with transaction.atomic():
                assert len(share_locks.lock_shared(rows)) == 1
                if number == 0:
                    has_begun.wait()
                sleep(0.01)
            if is_updated.is_set():
                return ROUNDS - number
        return 0

    with ThreadPoolExecutor(READERS) as pool:
        readers = [pool.submit(call_with_connection, read) for _ in range(READERS)]
        has_begun.wait()
        with SyncLock(POOL) as lock:
            lock.store_confirmation(utc_now())
        is_updated.set()
        assert all(reader.result() for reader in readers)
    assert rows.get().confirmed_at is not None


def test_update_waits_for_a_reader_that_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_locks, "_MAX_WAIT", "1ms")
    has_begun, is_refused, has_ended = Event(), Event(), Event()
    rows = CognitoSync.objects.filter(pk=CognitoSync.objects.create(user_pool_id=POOL).pk)
    attempts: list[str] = []

    def count_attempts(execute: Callable[..., object], sql: str, *args: object) -> object:
        attempts.extend([sql] if sql.startswith("LOCK TABLE") else ())
        if len(attempts) == 10:
            is_refused.set()
        return execute(sql, *args)

    if connection.vendor != "postgresql":
        is_refused.set()

    def read() -> None:
        with transaction.atomic():
            share_locks.lock_shared(rows)
            has_begun.set()
            is_refused.wait()
            sleep(0.1)  # the UPDATE waits meanwhile
            has_ended.set()

    with ThreadPoolExecutor(1) as pool, connection.execute_wrapper(count_attempts):
        reader = pool.submit(call_with_connection, read)
        has_begun.wait()
        assert share_locks.update_shared(rows, confirmed_at=utc_now()) == 1
        assert has_ended.is_set()
        reader.result()
