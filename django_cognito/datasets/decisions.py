"""Decide what a write changes: which records conflict, and whether the limits allow the rest.

Pure: no I/O, no clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..conf.schema import CognitoSettings
from .changes import Change
from .errors import DatasetError


class Stored(NamedTuple):
    """What the server has of a key: the count of its last change, and its bytes; None for a deletion."""

    sync_count: int
    byte_count: int | None


class Size(NamedTuple):
    """The records of a dataset that are not deleted, their bytes, and the deletions."""

    records: int
    bytes: int
    deletions: int


class Decision(NamedTuple):
    """`written` are the changes that change a row, `absent` those that delete what does not exist."""

    written: list[Change]
    absent: list[Change]
    conflicts: list[Change]


def decide_changes(current: Mapping[str, Stored], changes: Sequence[Change], *, is_atomic: bool) -> Decision:
    """Return which changes are written. A change conflicts if it was not made to the current record.

    A key that the server does not have counts 0. With `is_atomic`, one conflict prevents all changes.
    """
    conflicts = [item for item in changes if not _is_current(current.get(item.key), item)]
    if conflicts and is_atomic:
        return Decision([], [], conflicts)
    written: list[Change] = []
    absent: list[Change] = []
    for item in changes:
        if _is_current(current.get(item.key), item):
            (absent if item.value is None and item.key not in current else written).append(item)
    return Decision(written, absent, conflicts)


def measure_size(size: Size, current: Mapping[str, Stored], written: Iterable[Change]) -> Size:
    """Return the size of the dataset after `written`."""
    records, total, deletions = size
    for item in written:
        before = current.get(item.key)
        if before is not None and before.byte_count is not None:
            records, total = records - 1, total - before.byte_count
        elif before is not None:
            deletions -= 1
        if item.value is not None:
            records, total = records + 1, total + item.byte_count
        else:
            deletions += 1
    return Size(records, total, deletions)


def require_size(before: Size, after: Size, settings: CognitoSettings) -> None:
    """Raise DatasetError if a limit does not allow `after`. What makes a dataset smaller is always allowed."""
    if after.records > max(before.records, settings.datasets_max_records):
        raise DatasetError("the dataset would have more than DATASETS_MAX_RECORDS", code="records_limit")
    if after.bytes > max(before.bytes, settings.datasets_max_bytes):
        raise DatasetError("the dataset would have more than DATASETS_MAX_BYTES", code="dataset_too_large")


def _is_current(stored: Stored | None, change: Change) -> bool:
    return change.sync_count is None or change.sync_count == (0 if stored is None else stored.sync_count)
