"""The real parts that tests need, and probes for them. Must not depend on the package.

A test names its parts: `@pytest.mark.needs("redis", "chromium")`. If a part is missing, the test is skipped with the
name of the part; under `CI=true` it fails, so that CI never leaves a test out.
"""

import os
import shutil
import socket
from collections.abc import Callable
from functools import cache

POSTGRESQL = {"HOST": "127.0.0.1", "PORT": "5432", "USER": "postgres", "NAME": "postgres"}
MARIADB = {"HOST": "127.0.0.1", "PORT": "3306", "USER": "root", "PASSWORD": ""}
REDIS_URL = "redis://127.0.0.1:6379/0"
# Of a probe: long, because a service that does not run refuses at once, and a busy one is not missing.
_PROBE_SECONDS = 60
# The only allowed reasons for a skip under CI: the platform or a tested version does not have the feature.
PLATFORM_REASONS = (
    "Windows does not fork",
    "Django before 6.0 has no ContentSecurityPolicyMiddleware",
    "this OpenSSL is built without TLS 1.0",
    "this machine cannot create network namespaces",
)


def under_ci() -> bool:
    """Return whether a missing part is a failure."""
    return os.environ.get("CI", "").lower() == "true"


@cache
def is_missing(part: str) -> bool:
    """Return whether `part` is missing; probed once per run. An unknown name raises KeyError."""
    return not _PROBES[part]()


def names() -> tuple[str, ...]:
    """Return the names of all parts."""
    return tuple(_PROBES)


def _postgresql() -> bool:
    try:
        import psycopg
    except ImportError:
        return False
    try:
        psycopg.connect(
            "host={HOST} port={PORT} user={USER} dbname={NAME}".format(**POSTGRESQL), connect_timeout=_PROBE_SECONDS
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def _mariadb() -> bool:
    try:
        import pymysql
    except ImportError:
        return False
    server = {"host": MARIADB["HOST"], "port": int(MARIADB["PORT"]), "user": MARIADB["USER"]}
    try:
        pymysql.connect(**server, password=MARIADB["PASSWORD"], connect_timeout=_PROBE_SECONDS).close()
    except pymysql.err.OperationalError:
        return False
    return True


def _redis() -> bool:
    try:
        with socket.create_connection(("127.0.0.1", 6379), timeout=_PROBE_SECONDS) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


# The headless shell is Chromium without its own windows; the tests take half the CPU time in it.
_CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def chromium_path() -> str | None:
    """Return the path of the installed Chromium, or None; tests never download a browser."""
    return next(filter(None, map(shutil.which, _CHROMIUM)), None)


_PROBES: dict[str, Callable[[], bool]] = {
    "postgresql": _postgresql,
    "mariadb": _mariadb,
    "database_server": lambda: _postgresql() or _mariadb(),
    "sqlite": lambda: True,
    "redis": _redis,
    "chromium": lambda: chromium_path() is not None,
    "npm": lambda: shutil.which("node") is not None and shutil.which("npm") is not None,
}
