"""Remember the users that a run has listed and the groups of each, in a temporary file: a pool may have millions."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from types import TracebackType
from typing import Self


class Listing:
    """The users that a run has listed, by `sub`. A context; at its end the file is deleted.

    SQLite keeps at most 2 MB of it in memory, and deletes the file of a killed process too.
    """

    def __init__(self) -> None:
        # An empty name is a temporary database. Requests and writes are in two threads, one after the other.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript(
            """
            PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
            CREATE TABLE member (sub TEXT, name TEXT, PRIMARY KEY (sub, name)) WITHOUT ROWID;
            CREATE TABLE user (sub TEXT PRIMARY KEY) WITHOUT ROWID;
            """
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._database.close()

    def begin_group(self, name: str) -> None:
        """Forget the members of a group, whose listing begins."""
        self._database.execute("DELETE FROM member WHERE name = ?", (name,))

    def add_members(self, name: str, subs: Iterable[str]) -> None:
        """Remember members of a group."""
        self._database.executemany("INSERT OR IGNORE INTO member VALUES (?, ?)", ((sub, name) for sub in subs))

    def add_users(self, subs: Iterable[str]) -> None:
        """Remember that the pool has these users."""
        self._database.executemany("INSERT OR IGNORE INTO user VALUES (?)", ((sub,) for sub in subs))

    def get_groups(self, subs: Sequence[str]) -> defaultdict[str, list[str]]:
        """Return the groups of each of these users."""
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for sub, name in self._select("SELECT sub, name FROM member WHERE sub IN", subs):
            groups[sub].append(name)
        return groups

    def get_missing(self, subs: Sequence[str]) -> list[str]:
        """Return those of `subs`, at most 999, that the run has not listed."""
        present = {sub for (sub,) in self._select("SELECT sub FROM user WHERE sub IN", subs)}
        return [sub for sub in subs if sub not in present]

    def _select(self, statement: str, subs: Sequence[str]) -> list[tuple[str, ...]]:
        marks = ",".join("?" * len(subs))
        with closing(self._database.execute(f"{statement} ({marks})", subs)) as cursor:
            return cursor.fetchall()
