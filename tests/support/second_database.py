"""A second database for a test: an SQLite file with all tables, under any alias."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.apps import apps
from django.core.management import call_command
from django.db import connections
from django.test import override_settings


@contextmanager
def second_database(alias: str, file: Path) -> Iterator[None]:
    """Add a database with all tables to the settings; remove it afterwards. The test must name it in `django_db`.

    The tables are made without migrations, which take a second; those of the default database are made with them.
    """
    entry = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(file)}
    connections.settings[alias] = connections.configure_settings({"default": {**entry}, alias: entry})[alias]
    with override_settings(MIGRATION_MODULES={app.label: None for app in apps.get_app_configs()}):
        call_command("migrate", database=alias, verbosity=0, run_syncdb=True)
    try:
        yield
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]
