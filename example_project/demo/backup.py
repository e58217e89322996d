"""A copy of the site's database, and what is still in it: for the journey's question whether a sign-out revokes."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from .stack import MANAGE, Stack


def back_up_database(stack: Stack) -> None:
    """Copy the database as it is now, while the site goes on."""
    with closing(sqlite3.connect(stack.database)) as now, closing(sqlite3.connect(_backup(stack))) as copy:
        now.backup(copy)


def refresh_from_backup(stack: Stack, username: str, environment: dict[str, str]) -> str:
    """What Cognito says to the refresh token of the person's newest login in the copy; the token stays in there."""
    on_copy = {**environment, "FIELDNOTES_DATABASE": str(_backup(stack))}
    command = [sys.executable, str(MANAGE), "try_refresh_token", username]
    done = subprocess.run(command, env=on_copy, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip()[-200:]


def _backup(stack: Stack) -> Path:
    return stack.state_dir / "backup.sqlite3"
