"""The parts of a machine that figures need, and the versions of all software. Must not depend on a figure."""

import json
import os
import platform
import re
import shutil
import ssl
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.support import real_parts

PROBES = {
    "node": ("a Node.js with npm", lambda: bool(shutil.which("node") and shutil.which("npm"))),
    "postgresql": (
        "PostgreSQL at {HOST}:{PORT}".format(**real_parts.POSTGRESQL),
        lambda: not real_parts.is_missing("postgresql"),
    ),
    "redis": (f"Redis at {real_parts.REDIS_URL}", lambda: not real_parts.is_missing("redis")),
    "wrk": ("wrk (`apt-get install wrk`)", lambda: shutil.which("wrk") is not None),
    "proc": ("Linux's /proc", Path("/proc/self/smaps_rollup").exists),
}
PEERS = (
    "django-aws-cognito", "Django", "djangorestframework", "cryptography", "PyJWT", "joserfc", "orjson", "pybase64",
    "djangorestframework-simplejwt", "django-cognito-jwt", "mozilla-django-oidc", "django-allauth", "gunicorn",
    "uvicorn", "psycopg", "redis",
)  # fmt: skip


def find_missing_parts(needs: tuple[str, ...]) -> list[str]:
    """Return descriptions of the `needs` that this machine does not have."""
    return [description for description, is_available in (PROBES[part] for part in needs) if not is_available()]


def is_under_ci() -> bool:
    """Return whether a missing part is a failure."""
    return real_parts.under_ci()


def describe_machine() -> dict[str, Any]:
    """Return CPU, number of cores and system, without host name or paths."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.M)
    return {
        "cpu": model[1].strip() if model else platform.machine(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def get_versions() -> dict[str, str]:
    """Return the versions of Python, the peers, Node.js, wrk, PostgreSQL and Redis."""
    numbers = {"Python": platform.python_version(), "OpenSSL (Python's)": ssl.OPENSSL_VERSION.split()[1]}
    for name in PEERS:
        try:
            numbers[name] = version(name)
        except PackageNotFoundError:
            continue
    manifest = Path(__file__).parent / "node" / "package.json"
    numbers |= json.loads(manifest.read_text())["dependencies"]
    numbers |= {name: _get_version(*command) for name, command in _COMMANDS.items() if shutil.which(command[0])}
    return numbers


_COMMANDS = {
    "Node.js": ("node", "--version"),
    "wrk": ("wrk", "--version"),
    "PostgreSQL": ("psql", "--version"),
    "Redis": ("redis-server", "--version"),
}


def _get_version(*command: str) -> str:
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    match = re.search(r"\d+(\.\d+)+", process.stdout + process.stderr)
    return match[0] if match else "unknown"
