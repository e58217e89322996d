"""The forms of email addresses and phone numbers. No I/O, no dependencies."""

import re

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_TELEPHONE = re.compile(r"\+\d{4,}", re.ASCII)


def is_email(text: str) -> bool:
    """Return whether the text has the form of an email address."""
    return _EMAIL.fullmatch(text) is not None


def is_telephone(text: str) -> bool:
    """Return whether the text has the form of a phone number (E.164)."""
    return _TELEPHONE.fullmatch(text) is not None
