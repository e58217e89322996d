"""How many users the site has, counted in its database: for the journey's question whether a program makes one."""

import sqlite3
from contextlib import closing

from .stack import Stack


def count_users(stack: Stack) -> int:
    """The rows of Django's user table."""
    with closing(sqlite3.connect(stack.database)) as database:
        return int(database.execute("SELECT count(*) FROM auth_user").fetchone()[0])
