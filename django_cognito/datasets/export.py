"""Export the datasets of a user, for a request of access (GDPR, article 15)."""

from typing import Any

from . import reading

_FIELDS = ("key", "value", "modified_at", "device_time")


def export_datasets(user: Any) -> list[dict[str, Any]]:
    """Return all datasets of a user with their records, as values for `json.dumps`. One query, and one per dataset.

    Deletions and stored operations are left out.
    """
    return [
        {
            "name": dataset.name,
            "sync_count": dataset.sync_count,
            "modified_at": dataset.modified_at.isoformat(),
            "records": [
                {name: value for name, value in reading.render_record(record).items() if name in _FIELDS}
                for record in reading.read_records(user, dataset.name)
            ],
        }
        for dataset in reading.list_datasets(user)
    ]
