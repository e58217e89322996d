"""The Django users of the site. The journey uses this to check which requests create and change users."""

import json
import sqlite3
from contextlib import closing

from .stack import Stack


def count_users(stack: Stack) -> int:
    """Return the number of rows in Django's user table."""
    with closing(sqlite3.connect(stack.database)) as database:
        return int(database.execute("SELECT count(*) FROM auth_user").fetchone()[0])


def read_groups(stack: Stack) -> dict[str, list[str]]:
    """Return the stored Cognito groups of all users, by username."""
    with closing(sqlite3.connect(stack.database)) as database:
        rows = database.execute("SELECT username, groups FROM django_cognito_cognitouser").fetchall()
    return {username: sorted(json.loads(groups)) for username, groups in rows}
