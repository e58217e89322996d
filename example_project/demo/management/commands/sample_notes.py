"""`manage.py sample_notes`: write sample notes into an empty database."""

from typing import Any

from django.core.management import BaseCommand

from demo.samples import write_samples


class Command(BaseCommand):
    """Write the sample notes. If the database contains notes, write nothing."""

    help = "Write a few sample notes, if there are no notes yet."

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the notes and print their number."""
        self.stdout.write(f"{write_samples()} notes written")
