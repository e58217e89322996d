"""Where the demo keeps its database, keys and logs between two runs: never inside the repository."""

import os
from pathlib import Path


def state_dir() -> Path:
    """The folder, made for this user alone (XDG Base Directory Specification: `XDG_STATE_HOME`)."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(base) / "django-cognito" / "fieldnotes"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
