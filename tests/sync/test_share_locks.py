"""The row of a pool that transactions lock together and a run updates at its end; the row that no request locks."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Event
from time import sleep

import pytest
from django.db import connection, transaction

from django_cognito.authorization.confirmed_moments import get_confirmations
from django_cognito.core.clock import utc_now
from django_cognito.db import share_locks
from django_cognito.models import CognitoConfirmation, CognitoSync
from django_cognito.sync.errors import SyncError
from django_cognito.sync.lock import SyncLock

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("database_server")]
READERS = 100
# The number of connections that wait for a lock.
WAITING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()",
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
}
POOL = "eu-west-1_TestPool1"


def vendor() -> str:
    return connection.vendor


def call_with_connection(call: Callable[[], object]) -> object:
    try:
        return call()
    finally:
        connection.close()


def lock_until(has_begun: Event, may_end: Event) -> None:
    """Lock the confirmation of the pool as a sign-in does, until `may_end` is set."""
    with transaction.atomic():
        assert len(share_locks.lock_shared(get_confirmations().filter(user_pool_id=POOL))) == 1
        has_begun.set()
        assert may_end.wait(60)


def set_waits(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(share_locks, "_FIRST_WAIT_SECONDS", seconds)
    monkeypatch.setattr(share_locks, "_MAX_WAIT_SECONDS", seconds)


def test_overlapping_readers_do_not_delay_an_update_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reader waits until the next one has the lock, unless that waits too. Limited, so that a failed test ends."""
    set_waits(monkeypatch, 60)  # a loaded computer is slow
    has_begun, is_updated = Event(), Event()
    numbers, latest = count(1), [0]

    def read() -> int:
        """Return how many readers may still pass the update, when it was done."""
        left = READERS
        while left and not is_updated.is_set():
            with transaction.atomic(), connection.cursor() as cursor:
                assert len(share_locks.lock_shared(get_confirmations().filter(user_pool_id=POOL))) == 1
                latest[0] = number = next(numbers)
                has_begun.set()
                cursor.execute(WAITING[connection.vendor])
                left -= cursor.fetchone()[0] > 0
                for _ in range(100):
                    if latest[0] != number or is_updated.is_set():
                        break
                    sleep(0.002)
        return left

    with SyncLock(POOL) as lock, ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(call_with_connection, read) for _ in range(2)]
        has_begun.wait()
        lock.store_confirmation(utc_now(), lock.renew)
        is_updated.set()
        assert all(reader.result() for reader in readers)
    assert CognitoConfirmation.objects.get().confirmed_at is not None


def test_update_waits_for_a_reader_that_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    set_waits(monkeypatch, 0.001)  # MariaDB waits for one second
    monkeypatch.setattr("django_cognito.sync.lock._RENEW_SECONDS", 0)
    has_begun, may_end = Event(), Event()
    attempts, renewals = list[str](), list[str]()

    def count_attempts(execute: Callable[..., object], sql: str, *args: object) -> object:
        attempts.extend([sql] if sql.startswith(("LOCK TABLE", "SELECT @@SESSION")) else ())
        renewals.extend([sql] if "held_until" in sql and sql.startswith("UPDATE") else ())
        if len(attempts) == 2:
            may_end.set()
        return execute(sql, *args)

    moment = utc_now()
    with SyncLock(POOL) as lock, ThreadPoolExecutor(1) as pool, connection.execute_wrapper(count_attempts):
        reader = pool.submit(call_with_connection, lambda: lock_until(has_begun, may_end))
        has_begun.wait()
        lock.store_confirmation(moment, lock.renew)
        assert len(renewals) == len(attempts) - 1 > 0  # the pool is held meanwhile
        reader.result()
    assert CognitoConfirmation.objects.get().confirmed_at == moment


def test_readers_go_on_while_an_update_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second reader ends before the first one, for which the update waits."""
    set_waits(monkeypatch, 0.1)
    has_begun, is_waiting, may_end = Event(), Event(), Event()

    def read_beside() -> None:
        assert is_waiting.wait(60)
        lock_until(may_end, may_end)

    def record(execute: Callable[..., object], sql: str, *args: object) -> object:
        if sql.startswith(("LOCK TABLE", "SET SESSION innodb")):
            is_waiting.set()
        return execute(sql, *args)

    with SyncLock(POOL) as lock, ThreadPoolExecutor(2) as pool, connection.execute_wrapper(record):
        readers = [pool.submit(call_with_connection, lambda: lock_until(has_begun, may_end))]
        has_begun.wait()
        readers.append(pool.submit(call_with_connection, read_beside))
        lock.store_confirmation(utc_now(), lock.renew)
        for reader in readers:
            reader.result()


def test_limit_of_waits_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"postgresql": "SHOW lock_timeout", "mysql": "SELECT @@SESSION.innodb_lock_wait_timeout"}
    with connection.cursor() as cursor:
        cursor.execute({"postgresql": "SET lock_timeout = '7s'", "mysql": "SET innodb_lock_wait_timeout = 7"}[vendor()])
    try:
        with SyncLock(POOL) as lock:
            lock.store_confirmation(utc_now(), lock.renew)
        with connection.cursor() as cursor:
            cursor.execute(names[vendor()])
            assert str(cursor.fetchone()[0]) in ("7", "7s")
    finally:
        connection.close()


def test_update_without_autocommit_leaves_the_caller_its_transaction() -> None:
    CognitoConfirmation.objects.create(user_pool_id=POOL)
    transaction.set_autocommit(False)
    try:
        share_locks.update_shared(get_confirmations(), lambda: None, lambda: None, confirmed_at=utc_now())
        with connection.cursor() as cursor:
            cursor.execute({"postgresql": "SHOW lock_timeout", "mysql": "SELECT 0"}[vendor()])
            assert cursor.fetchone()[0] in ("0", 0)
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)
    assert CognitoConfirmation.objects.get().confirmed_at is None


def test_run_without_its_confirmation_is_not_complete() -> None:
    """The row was deleted during the run: sign-ins had nothing to lock."""
    with SyncLock(POOL) as lock:
        CognitoConfirmation.objects.all().delete()
        with pytest.raises(SyncError) as error:
            lock.store_confirmation(utc_now(), lock.renew)
    assert error.value.code == "sync_lost"


def test_run_holds_its_pool_without_waiting_for_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_cognito.sync.lock._RENEW_SECONDS", 0)
    has_begun, may_end = Event(), Event()
    with SyncLock(POOL):
        pass
    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(call_with_connection, lambda: lock_until(has_begun, may_end))
        has_begun.wait()
        with connection.cursor() as cursor:  # a wait fails the test at once
            is_postgresql = connection.vendor == "postgresql"
            cursor.execute("SET lock_timeout = '1s'" if is_postgresql else "SET innodb_lock_wait_timeout = 1")
        try:
            with SyncLock(POOL) as lock:
                lock.renew()
        finally:
            may_end.set()
            connection.close()
        reader.result()
    assert CognitoSync.objects.get().completed_at is not None


def test_run_that_lost_its_pool_stores_no_confirmation() -> None:
    with SyncLock(POOL) as lock:
        CognitoSync.objects.update(run_id="00000000-0000-4000-8000-000000000000")
        with pytest.raises(SyncError) as error:
            lock.store_confirmation(utc_now(), lock.renew)
    assert error.value.code == "sync_lost"
    assert CognitoConfirmation.objects.get().confirmed_at is None
