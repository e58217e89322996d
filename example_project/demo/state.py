"""The folder of the demo's database, keys and logs. It is never inside the repository."""

import os
from pathlib import Path


def create_state_dir() -> Path:
    """Create the folder if it does not exist, readable by this user only, and return its path.

    Source: XDG Base Directory Specification, `XDG_STATE_HOME`.
    """
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(base) / "django-cognito" / "fieldnotes"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
