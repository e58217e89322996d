"""`manage.py cognito_cleardatasets`: removes old deletions and operations. Run it once a day."""

from typing import Any

from django.core.management.base import BaseCommand

from django_cognito.datasets.clean_up import clean_all


class Command(BaseCommand):
    """Clean the datasets of all users, one after the other."""

    help = (
        "Remove deletions of records that are older than DATASETS_DELETIONS_SECONDS, and stored operations that are"
        " older than a day. A write does so for its own dataset; this does it for those that are no longer written."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Remove the rows and print their number."""
        count = clean_all()
        self.stdout.write(f"Removed {count} row{'' if count == 1 else 's'}.")
