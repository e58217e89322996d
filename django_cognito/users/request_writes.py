"""What a request's authentication wrote inside a transaction that its view may roll back. Decides nothing.

With ATOMIC_REQUESTS, DRF authenticates inside the view's transaction: the 403 that a removed group causes would roll
the removal back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import router, transaction

from ..models import CognitoUser
from .claim_sources import Statement

_written: ContextVar[list[Statement] | None] = ContextVar("django_cognito_request_writes", default=None)


@contextmanager
def collect_writes() -> Iterator[list[Statement]]:
    """Collect the claims that are written meanwhile, in this context, inside an outer transaction."""
    written: list[Statement] = []
    token = _written.set(written)
    try:
        yield written
    finally:
        _written.reset(token)


def note_write(statement: Statement) -> None:
    """Note that `statement` was written, if an outer transaction may still roll that back."""
    written = _written.get()
    if written is not None and transaction.get_connection(router.db_for_write(CognitoUser)).in_atomic_block:
        written.append(statement)
