"""`manage.py cognito_clearsessions`: removes what has expired. Run it once a day."""

from typing import Any

from django.core.management.base import BaseCommand

from django_cognito.authorization.group_expiry import expire_all_remembered_groups


class Command(BaseCommand):
    """Remove groups, and what they granted, that no token confirmed for REMEMBERED_GROUPS_SECONDS."""

    help = "Remove groups, and what they granted, that no token confirmed for REMEMBERED_GROUPS_SECONDS."

    def handle(self, *args: Any, **options: Any) -> None:
        """Remove them of all users, and print of how many."""
        count = expire_all_remembered_groups()
        self.stdout.write(f"Removed expired groups of {count} user{'' if count == 1 else 's'}.")
