"""`manage.py sample_notes`: a few notes for an empty notebook."""

from typing import Any

from django.core.management import BaseCommand

from demo.samples import write_samples


class Command(BaseCommand):
    """Does nothing where there are notes already."""

    help = "Write a few sample notes, if there are no notes yet."

    def handle(self, *args: Any, **options: Any) -> None:
        """Write them, and say how many."""
        self.stdout.write(f"{write_samples()} notes written")
