"""Write records: one row decides. Must not depend on requests.

A write locks the row of its dataset, takes the next count for all its records, and commits. So the counts that a
reader sees have no gap that is filled later. All writers use `write_records` or `delete_records`.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import connections, transaction

from ..conf.loading import get_settings
from ..core.clock import utc_now
from ..db.row_updates import update_rows
from ..db.transactions import retry_conflicts, write_transaction
from .changes import Change, WriteRequest
from .clean_up import OPERATION_LIFETIME, clean_dataset, is_due, limit_deletions, remove_operations
from .decisions import Decision, Size, Stored, decide_changes, measure_size, require_size
from .errors import DatasetError
from .models import Dataset, Operation, Record, digest_text
from .reading import StoredRecord, get_alias, get_operations, get_records, render_record
from .signals import dataset_changed

_MINUTE = timedelta(minutes=1)
# Conflicts are answered with the records of the server, and each answer is stored for a day.
_MAX_ANSWER_BYTES = 16_777_216
_FIELDS = ("value", "byte_count", "sync_count", "modified_at", "device_time")


class Result(NamedTuple):
    """What a write did. `records` are the rows that existed before it, by key."""

    dataset: Dataset
    decision: Decision
    records: Mapping[str, Record]


def write_records(user: Any, name: str, request: WriteRequest) -> str:
    """Write the changes of `request`, and return the answer as JSON; for a repeated operation, the stored answer.

    Creates the dataset with the first record. An operation that would be its first and writes no record is not stored:
    repeated, it is tried again. Raises DatasetError, after which nothing is written.
    """
    return retry_conflicts(partial(_write_once, user, name, request), Dataset)


def delete_records(user: Any, name: str) -> None:
    """Make all records of a dataset deletions of the next count. Nothing happens without records."""
    retry_conflicts(partial(_delete_once, user, name), Dataset)


def delete_datasets(instance: Any, using: str, **_: Any) -> None:
    """Delete the datasets of a user who is deleted, after the writes that have begun; later ones find no user.

    Receiver of `pre_delete`. Django itself would delete the rows that it found before it waits for these writes.
    """
    if connections[using].features.has_select_for_update:
        get_user_model()._base_manager.using(using).select_for_update().filter(pk=instance.pk).first()
    datasets = Dataset.objects.using(using).filter(user_id=instance.pk)
    datasets.update(user_id=instance.pk)  # locks them; on SQLite the transaction begins as a writer
    datasets.delete()


def _write_once(user: Any, name: str, request: WriteRequest) -> str:
    with write_transaction(Dataset):
        now = utc_now()
        dataset = _lock_dataset(user, name) or _prepare_dataset(user, name, now)
        if request.operation_id:
            stored = _find_answer(dataset, request, now)
            if stored is not None:
                return stored
            _require_pace(user, now)
        if is_due(dataset, now):
            clean_dataset(dataset, now)
        result = _apply(dataset, request, now)
        answer = json.dumps(_render(result), separators=(",", ":"))
        if dataset._state.adding:
            return answer
        if request.operation_id:
            _store_answer(dataset, request, answer, now)
        dataset.save(using=get_alias(), force_update=True)
        _send_changed(user, dataset, result.decision.written)
        return answer


def _delete_once(user: Any, name: str) -> None:
    with write_transaction(Dataset):
        dataset = _lock_dataset(user, name)
        records = None if dataset is None else get_records(dataset).select_for_update()
        rows = [] if records is None else list(records.filter(value__isnull=False))
        if dataset is not None and rows:
            deletions = [Change(row.key, None, None) for row in rows]
            _store(dataset, deletions, {row.key: row for row in rows}, utc_now())
            dataset.save(using=get_alias(), force_update=True)
            _send_changed(user, dataset, deletions)


def _lock_dataset(user: Any, name: str) -> Dataset | None:
    rows = Dataset.objects.using(get_alias()).select_for_update()
    return rows.filter(user_id=user.pk, name=name).first()


def _prepare_dataset(user: Any, name: str, now: datetime) -> Dataset:
    """Lock the row of the user, and return a dataset that is not in the database yet.

    So two first writes create one dataset, and none is over the limit. A dataset that another writer created meanwhile
    is returned, locked. Raises DatasetError if the user was deleted.
    """
    using = get_alias()
    users = get_user_model()._base_manager.using(using).select_for_update().filter(pk=user.pk)
    if users.first() is None:
        raise DatasetError("the user was deleted", code="not_authenticated")
    if (dataset := _lock_dataset(user, name)) is not None:
        return dataset
    return Dataset(user_id=user.pk, name=name, modified_at=now, cleaned_at=now)


def _create_dataset(dataset: Dataset) -> None:
    """Write the row of a dataset that `_prepare_dataset` returned. Raises DatasetError over the limit."""
    using = get_alias()
    if Dataset.objects.using(using).filter(user_id=dataset.user_id).count() >= get_settings().datasets_max_count:
        raise DatasetError("the user has DATASETS_MAX_COUNT datasets", code="datasets_limit")
    dataset.save(using=using, force_insert=True)


def _find_answer(dataset: Dataset, request: WriteRequest, now: datetime) -> str | None:
    """Return the stored answer of a repeated operation. Raises DatasetError if its request was another one."""
    operation = get_operations(dataset).filter(operation_id=request.operation_id).first()
    if operation is None:
        return None
    if operation.created_at <= now - OPERATION_LIFETIME:
        remove_operations(dataset, now)
        return None
    if operation.digest != request.digest:
        raise DatasetError("the operation id was used for another request", code="operation_id_reused")
    return operation.answer


def _require_pace(user: Any, now: datetime) -> None:
    """Raise DatasetError if the user has written DATASETS_MAX_WRITES times in the last minute.

    Writes in the future do not count: the clock of a server was ahead.
    """
    limit = get_settings().datasets_max_writes
    minute = {"created_at__gt": now - _MINUTE, "created_at__lte": now}
    operations = Operation.objects.using(get_alias()).filter(dataset__user_id=user.pk, **minute)
    times = operations.order_by("-created_at").values_list("created_at", flat=True)[limit - 1 : limit]
    for first in times:
        seconds = ceil((first + _MINUTE - now).total_seconds())
        raise DatasetError("more than DATASETS_MAX_WRITES in a minute", code="writes_limit", retry_after=seconds)


def _apply(dataset: Dataset, request: WriteRequest, now: datetime) -> Result:
    digests = [digest_text(change.key) for change in request.changes]
    # Locked: in a transaction of the caller, MariaDB may otherwise read rows from before the lock.
    rows = get_records(dataset).select_for_update().filter(key_digest__in=digests)
    records = {row.key: row for row in rows}
    current = {key: _describe(row) for key, row in records.items()}
    decision = decide_changes(current, request.changes, is_atomic=request.is_atomic)
    if decision.written:
        if dataset._state.adding:
            _create_dataset(dataset)
        _store(dataset, decision.written, records, now)
    return Result(dataset, decision, records)


def _store(dataset: Dataset, written: Sequence[Change], records: Mapping[str, Record], now: datetime) -> None:
    """Write the rows of `written` with the next count of the dataset, whose row the caller saves."""
    before = Size(dataset.record_count, dataset.byte_count, dataset.deletion_count)
    after = measure_size(before, {key: _describe(row) for key, row in records.items()}, written)
    require_size(before, after, get_settings())
    dataset.record_count, dataset.byte_count, dataset.deletion_count = after
    dataset.sync_count, dataset.modified_at = dataset.sync_count + 1, now
    new, changed = [], []
    for change in written:
        row = records.get(change.key)
        if row is None:
            row = Record(dataset=dataset, key=change.key, key_digest=digest_text(change.key))
            new.append(row)
        else:
            changed.append(row)
        row.value, row.byte_count, row.device_time = change.value, change.byte_count, change.device_time
        row.sync_count, row.modified_at = dataset.sync_count, now
    using = get_alias()
    Record.objects.using(using).bulk_create(new)
    update_rows(using, [(row, _FIELDS) for row in changed])
    if any(change.value is None for change in written):
        limit_deletions(dataset)


def _describe(row: Record) -> Stored:
    return Stored(row.sync_count, None if row.value is None else row.byte_count)


def _render(result: Result) -> dict[str, Any]:
    dataset, decision, records = result
    stored = [
        StoredRecord(*(getattr(row, name) for name in StoredRecord._fields))
        if (row := records.get(change.key)) is not None
        else StoredRecord(change.key, None, 0)
        for change in decision.conflicts
    ]
    return {
        "name": dataset.name,
        "id": None if dataset._state.adding else dataset.id.hex,
        "sync_count": dataset.sync_count,
        "written": [
            {"key": change.key, "sync_count": dataset.sync_count} for change in (*decision.written, *decision.absent)
        ],
        "conflicts": [render_record(record) for record in stored],
    }


def _store_answer(dataset: Dataset, request: WriteRequest, answer: str, now: datetime) -> None:
    """Store the answer of an operation for a day. Raises DatasetError if the answers of a day become too large."""
    if dataset.answer_bytes + len(answer) > _MAX_ANSWER_BYTES:
        remove_operations(dataset, now)
    dataset.answer_bytes += len(answer)
    if dataset.answer_bytes > _MAX_ANSWER_BYTES:
        raise DatasetError("the conflicts of a day have more than 16 MiB", code="answers_limit")
    Operation.objects.using(get_alias()).create(
        dataset=dataset,
        operation_id=request.operation_id,
        digest=request.digest,
        answer=answer,
        answer_bytes=len(answer),
        created_at=now,
    )


def _send_changed(user: Any, dataset: Dataset, written: Sequence[Change]) -> None:
    if written:
        keys = tuple(change.key for change in written)
        arguments = {"user": user, "name": dataset.name, "sync_count": dataset.sync_count, "keys": keys}
        transaction.on_commit(partial(dataset_changed.send_robust, None, **arguments), using=get_alias())
