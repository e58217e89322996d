"""A backup of the site's database. The journey uses it to check that a sign-out revokes the refresh token."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from .stack import MANAGE, Stack


def back_up_database(stack: Stack) -> None:
    """Copy the database. The site may write to it at the same time."""
    with closing(sqlite3.connect(stack.database)) as source, closing(sqlite3.connect(_backup_file(stack))) as copy:
        source.backup(copy)


def refresh_from_backup(stack: Stack, username: str, environment: dict[str, str]) -> str:
    """Send the refresh token of the user's most recent login in the backup to Cognito, and return the result.

    The result contains no token.
    """
    backup_environment = {**environment, "FIELDNOTES_DATABASE": str(_backup_file(stack))}
    command = [sys.executable, str(MANAGE), "try_refresh_token", username]
    process = subprocess.run(command, env=backup_environment, capture_output=True, text=True, check=False)
    return process.stdout.strip() if process.returncode == 0 else process.stderr.strip()[-200:]


def _backup_file(stack: Stack) -> Path:
    return stack.state_dir / "backup.sqlite3"
