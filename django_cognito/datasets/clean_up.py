"""Remove old deletions and operations of a dataset. Must not depend on requests.

The writer does it for its dataset once an hour, and `manage.py cognito_cleardatasets` for all.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Max, Sum

from ..conf.loading import get_settings
from ..core.clock import utc_now
from ..db.transactions import retry_conflicts, write_transaction
from .models import Dataset
from .reading import get_alias, get_operations, get_records

OPERATION_LIFETIME = timedelta(days=1)
_INTERVAL = timedelta(hours=1)
# Of DATASETS_MAX_RECORDS: a client could create and delete keys without end. A writer removes them at twice the number.
_MAX_DELETIONS_PER_RECORD = 4
_MAX_DELETED_BYTES_PER_BYTE = 4  # of DATASETS_MAX_BYTES, for the same reason
_PAGE_SIZE = 500


def is_due(dataset: Dataset, now: datetime) -> bool:
    """Return whether the dataset was last cleaned more than an hour ago, or has far too many deletions."""
    # abs: the clock of a server may have been ahead.
    return abs(now - dataset.cleaned_at) >= _INTERVAL or dataset.deletion_count > 2 * _get_max_deletions()


def clean_dataset(dataset: Dataset, now: datetime) -> int:
    """Remove expired deletions and operations of a locked dataset, and return their number. The caller saves the row.

    Deletions are removed by their counts: all up to the last one that is too old, or too many.
    """
    deletions = get_records(dataset).filter(value__isnull=True)
    oldest = now - timedelta(seconds=get_settings().datasets_deletions_seconds)
    expired = deletions.filter(modified_at__lt=oldest).aggregate(last=Max("sync_count"))["last"] or 0
    excess = deletions.order_by("-sync_count").values_list("sync_count", flat=True)
    limit = _get_max_deletions()
    expired = max([expired, *excess[limit : limit + 1]])
    removed = _remove_deletions(dataset, expired) if expired else 0
    dataset.cleaned_at = now
    return removed + remove_operations(dataset, now)


def limit_deletions(dataset: Dataset) -> None:
    """Remove the oldest deletions of a locked dataset if the keys of all need too much space. The caller saves the row.

    One query if they do not.
    """
    deletions = get_records(dataset).filter(value__isnull=True)
    limit = _MAX_DELETED_BYTES_PER_BYTE * get_settings().datasets_max_bytes
    if (deletions.aggregate(total=Sum("byte_count"))["total"] or 0) <= limit:
        return
    total = 0
    for sync_count, byte_count in deletions.order_by("-sync_count").values_list("sync_count", "byte_count"):
        total += byte_count
        if total > limit:
            _remove_deletions(dataset, sync_count)
            return


def _remove_deletions(dataset: Dataset, last: int) -> int:
    """Remove the deletions up to the count `last`, and return their number."""
    removed, _ = get_records(dataset).filter(value__isnull=True, sync_count__lte=last).delete()
    dataset.deletion_count -= removed
    dataset.removed_count = max(dataset.removed_count, last)
    return removed


def remove_operations(dataset: Dataset, now: datetime) -> int:
    """Remove the operations of a locked dataset that are older than a day, and return their number."""
    removed, _ = get_operations(dataset).filter(created_at__lte=now - OPERATION_LIFETIME).delete()
    if removed:
        left = get_operations(dataset).aggregate(total=Sum("answer_bytes"))["total"]
        dataset.answer_bytes = left or 0
    return removed


def _get_max_deletions() -> int:
    return _MAX_DELETIONS_PER_RECORD * get_settings().datasets_max_records


def clean_all() -> int:
    """Clean all datasets, each in a transaction of its own, and return the number of removed rows."""
    using, now, last, total = get_alias(), utc_now(), None, 0
    while True:
        rows = Dataset.objects.using(using).order_by("pk").values_list("pk", flat=True)
        page = list((rows if last is None else rows.filter(pk__gt=last))[:_PAGE_SIZE])
        total += sum(retry_conflicts(lambda pk=pk: _clean_locked(using, pk, now), Dataset) for pk in page)  # type: ignore[misc]
        if len(page) < _PAGE_SIZE:
            return total
        last = page[-1]


def _clean_locked(using: str, pk: UUID, now: datetime) -> int:
    with write_transaction(Dataset):
        dataset = Dataset.objects.using(using).select_for_update().filter(pk=pk).first()
        if dataset is None:
            return 0
        removed = clean_dataset(dataset, now)
        dataset.save(using=using, update_fields=["removed_count", "cleaned_at", "deletion_count", "answer_bytes"])
        return removed
