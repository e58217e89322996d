"""Read datasets: the list, a page of records, one record. Must not write.

All reads are from the database that is written to: a replica may not have a count that a client already has.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections, router
from django.db.models import FilteredRelation, Q, QuerySet

from ..db.compiled_query import CompiledQuery, Part
from .errors import DatasetError
from .models import Dataset, Operation, Record, digest_text

PAGE_SIZE = 500
_ANY_NAME = "the name"  # a placeholder: no dataset has a space in its name
_version_queries: dict[str, CompiledQuery] = {}  # by the alias of the database
_FIELDS = ("key", "value", "sync_count", "modified_at", "device_time")


class StoredRecord(NamedTuple):
    """A record as it was read. `value` is JSON as text, None for a deletion."""

    key: str
    value: str | None
    sync_count: int
    modified_at: datetime | None = None
    device_time: str = ""


class Version(NamedTuple):
    """The state of a dataset; without an id there is none."""

    id: UUID | None = None
    sync_count: int = 0
    removed_count: int = 0

    @property
    def etag(self) -> str:
        """The entity tag; empty without a dataset."""
        return f'"{self.id.hex}-{self.sync_count}"' if self.id else ""


class Page(NamedTuple):
    """Records in the order of their counts. `next_since` is the count of the last one, or of the dataset."""

    version: Version
    records: list[StoredRecord]
    has_more: bool
    next_since: int
    start: int


def get_alias() -> str:
    """Return the alias of the database of all datasets."""
    return router.db_for_write(Dataset)


def get_records(dataset: Dataset) -> QuerySet[Record]:
    """Return the records of a dataset where they are written: a router may send `dataset.records` to a replica."""
    return Record.objects.using(get_alias()).filter(dataset_id=dataset.pk)


def get_operations(dataset: Dataset) -> QuerySet[Operation]:
    """Return the operations of a dataset where they are written."""
    return Operation.objects.using(get_alias()).filter(dataset_id=dataset.pk)


def list_datasets(user: Any) -> list[Dataset]:
    """Return the datasets of a user in the order of their names. One query."""
    rows = Dataset.objects.using(get_alias()).filter(user_id=user.pk)
    return sorted(rows, key=lambda row: row.name)  # not by the database: its collation may not be that of ASCII


def read_version(user: Any, name: str) -> Version:
    """Return the state of a dataset. One query, by an index, whose SQL is compiled once: every poll makes it."""
    using = get_alias()
    query = _version_queries.get(using)
    if query is None:
        rows = _datasets(user, _ANY_NAME)
        query = _version_queries[using] = CompiledQuery(using, rows, Part(Dataset, Version._fields))
    user_id = Dataset._meta.get_field("user").get_db_prep_value(user.pk, connections[using])
    row = query.fetch_row([name if stands_for == _ANY_NAME else user_id for stands_for in query.parameters])
    return Version() if row is None else Version(*query.read_values(row, 0))


def read_page(user: Any, name: str, since: int, start: int | None = None) -> Page:
    """Return the records after the count `since`: at most PAGE_SIZE, but all of one count. One query; rarely two.

    The state and the records are read by one statement: no write can be between them. `start` is the count of the
    dataset when a client without records read its first page; by default `since`. It has no deletions before.
    Raises DatasetError (resync_required) if deletions after `start` were removed, or the dataset never had `since`.
    """
    rows = _read_rows(user, name, Q(records__sync_count__gt=since), since, PAGE_SIZE + 1)
    version, records = _split(rows)
    start = since if start is None else start
    if since and (start < version.removed_count or max(since, start) > version.sync_count):
        raise DatasetError("the client must read the whole dataset", code="resync_required")
    if since == 0:
        start = version.sync_count
    if len(records) <= PAGE_SIZE:
        return Page(version, records, False, version.sync_count, start)
    complete = [record for record in records if record.sync_count != records[-1].sync_count]
    if not complete:  # one write of more than a page
        count = records[0].sync_count
        version, complete = _split(_read_rows(user, name, Q(records__sync_count=count), since, None))
        return Page(version, complete, version.sync_count > count, count, start)
    return Page(version, complete, True, complete[-1].sync_count, start)


def read_records(user: Any, name: str) -> list[StoredRecord]:
    """Return all records of a dataset that are not deleted, in the order of their keys. One query."""
    rows = _get_live_records(user, name).values_list(*_FIELDS)
    return sorted(StoredRecord(*row) for row in rows)


def read_value(user: Any, name: str, key: str) -> Any:
    """Return the value of a record. Raises KeyError without one, TypeError if `key` is no text. One query."""
    if not isinstance(key, str):
        raise TypeError("the key of a record is a str")
    rows = _get_live_records(user, name).filter(key_digest=digest_text(key)).values_list("value", flat=True)
    for value in rows:
        return json.loads(value or "null")
    raise KeyError(key)


def render_record(record: StoredRecord) -> dict[str, Any]:
    """Return a record as clients get it."""
    rendered = {
        "key": record.key,
        "value": None if record.value is None else json.loads(record.value),
        "sync_count": record.sync_count,
        "modified_at": record.modified_at and record.modified_at.isoformat(),
        "device_time": record.device_time or None,
    }
    return rendered | ({"deleted": True} if record.value is None else {})


def _datasets(user: Any, name: str) -> QuerySet[Dataset]:
    return Dataset.objects.using(get_alias()).filter(user_id=user.pk, name=name)


def _get_live_records(user: Any, name: str) -> QuerySet[Record]:
    records = Record.objects.using(get_alias()).filter(dataset__user_id=user.pk, dataset__name=name)
    return records.filter(value__isnull=False)


def _read_rows(user: Any, name: str, condition: Q, since: int, limit: int | None) -> list[Sequence[Any]]:
    """Return the dataset joined with its records that match; without one, a single row that has none."""
    if since == 0:
        condition &= Q(records__value__isnull=False)
    rows = _datasets(user, name).annotate(changed=FilteredRelation("records", condition=condition))
    fields = (f"changed__{field}" for field in _FIELDS)
    ordered = rows.order_by("changed__sync_count").values_list("id", "sync_count", "removed_count", *fields)
    return list(ordered[:limit])


def _split(rows: Iterable[Sequence[Any]]) -> tuple[Version, list[StoredRecord]]:
    version, records = Version(), []
    for row in rows:
        version = Version(*row[:3])
        if row[3] is not None:
            records.append(StoredRecord(*row[3:]))
    return version, sorted(records, key=lambda record: (record.sync_count, record.key))
