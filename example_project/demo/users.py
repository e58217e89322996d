"""The Django users of the site. The journey uses this to check that a machine-to-machine client creates no user."""

import sqlite3
from contextlib import closing

from .stack import Stack


def count_users(stack: Stack) -> int:
    """Return the number of rows in Django's user table."""
    with closing(sqlite3.connect(stack.database)) as database:
        return int(database.execute("SELECT count(*) FROM auth_user").fetchone()[0])
