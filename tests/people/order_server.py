"""Runs `order_site` in two gunicorn processes, on the database of the test that calls it or on another one."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).parents[2]
PROCESSES = 2


@contextmanager
def serve_order_site(keys_url: str, *, threads: int = 4, sqlite_file: Path | None = None) -> Iterator[int]:
    """Run two processes of the site, each with `threads` threads, and yield their port; stop them at the end.

    With `sqlite_file` the site has that SQLite database, with Django's default options.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        options = [f"--workers={PROCESSES}", f"--threads={threads}", "--keep-alive=30", "--log-level=warning"]
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                *options,
                f"--bind=fd://{listening.fileno()}",
                "tests.people.order_wsgi",
            ],
            env=_environment(keys_url, sqlite_file),
            cwd=ROOT,
            pass_fds=[listening.fileno()],
        )
        try:
            yield listening.getsockname()[1]
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def migrate_sqlite(file: Path) -> None:
    """Create the tables of the site in a new SQLite database."""
    command = [sys.executable, "-m", "django", "migrate", "--verbosity=0", "--skip-checks"]
    subprocess.run(command, env=_environment("http://127.0.0.1", file), cwd=ROOT, check=True, timeout=120)


def _environment(keys_url: str, sqlite_file: Path | None) -> dict[str, str]:
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.people.order_site",
        "ORDER_SITE_DATABASE": str(sqlite_file or connection.settings_dict["NAME"]),
        "ORDER_SITE_IS_SQLITE_BY_DEFAULTS": str(sqlite_file is not None),
        "ORDER_SITE_JWKS_URI": f"{keys_url}/jwks.json",
        "PYTHONPATH": str(ROOT),
    }
    return {**os.environ, **variables}
