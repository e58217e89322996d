"""The parts of a machine that figures need, and what is run against what: versions. Knows no figure."""

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
    "wrk": ("wrk (`apt-get install wrk`)", lambda: shutil.which("wrk") is not None),
    "proc": ("Linux's /proc", Path("/proc/self/smaps_rollup").exists),
}
PEERS = (
    "django-aws-cognito", "Django", "djangorestframework", "cryptography", "PyJWT", "joserfc", "orjson", "pybase64",
    "djangorestframework-simplejwt", "django-cognito-jwt", "mozilla-django-oidc", "gunicorn", "uvicorn", "psycopg",
)  # fmt: skip


def missing(needs: tuple[str, ...]) -> list[str]:
    """Those of `needs` that this machine lacks, in words."""
    return [words for words, is_there in (PROBES[part] for part in needs) if not is_there()]


def under_ci() -> bool:
    """Whether a missing part is a failure."""
    return real_parts.under_ci()


def machine() -> dict[str, Any]:
    """What kind of machine this is; neither its name nor its paths."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.M)
    return {
        "cpu": model[1].strip() if model else platform.machine(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """What was measured, and on what."""
    found = {"Python": platform.python_version(), "OpenSSL (Python's)": ssl.OPENSSL_VERSION.split()[1]}
    for name in PEERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    manifest = Path(__file__).parent / "node" / "package.json"
    found |= json.loads(manifest.read_text())["dependencies"]
    found |= {name: _said_by(*command) for name, command in _COMMANDS.items() if shutil.which(command[0])}
    return found


_COMMANDS = {"Node.js": ("node", "--version"), "wrk": ("wrk", "--version"), "PostgreSQL": ("psql", "--version")}


def _said_by(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    said = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return said[0] if said else "unknown"
