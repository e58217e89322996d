"""SQL statements as Django logs them."""

import re


def is_write(sql: str) -> bool:
    """Return whether a statement inserts, updates or deletes; also one that a driver repeats for several rows."""
    return bool(re.match(r"(\d+ times: )?(INSERT|UPDATE|DELETE)", sql))
