"""The dump of an older state migrates, and the users in it stay signed in: `after_migrating.py`, on both databases."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support import source
from tests.support.forked_python import run_python
from tests.support.real_parts import POSTGRESQL

DIRECTORY = Path(__file__).parent


def test_sqlite_dump_migrates_and_users_stay_signed_in(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        database.executescript((DIRECTORY / "sqlite.sql").read_text(encoding="utf-8"))
    run_after_migrating("sqlite", str(path))


@pytest.mark.needs("postgresql")
def test_postgresql_dump_migrates_and_users_stay_signed_in() -> None:
    with old_postgresql_database() as name:
        run_after_migrating("postgresql", name)


@contextmanager
def old_postgresql_database() -> Iterator[str]:
    """Yield the name of a new database with the dump in it."""
    import psycopg

    name = f"test_django_cognito_upgrade_{os.getpid()}"
    parameters = "host={HOST} port={PORT} user={USER} dbname=".format(**POSTGRESQL)
    with psycopg.connect(parameters + POSTGRESQL["NAME"], autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name}")
        server.execute(f"CREATE DATABASE {name}")
        try:
            with psycopg.connect(parameters + name) as database:
                database.execute((DIRECTORY / "postgresql.sql").read_text(encoding="utf-8"))
            yield name
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def run_after_migrating(engine: str, database: str) -> None:
    """Migrate the database with today's code and run the tests of `after_migrating.py` on it, in another process."""
    names = {"DJANGO_COGNITO_TEST_DATABASE": engine, "DJANGO_COGNITO_UPGRADE_DATABASE": database}
    # --reuse-db: Django migrates the existing database and does not drop it.
    options = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--reuse-db", "--ds=tests.upgrade.settings"]
    command = ["-W", "error", "-m", "pytest", *options, "tests/upgrade/after_migrating.py"]
    completed = run_python(command, source.PROJECT_DIRECTORY, {**os.environ, **names})
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "skipped" not in completed.stdout
