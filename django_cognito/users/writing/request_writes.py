"""Collect what authentication wrote inside a transaction that the view may roll back. Must not write users.

With ATOMIC_REQUESTS, DRF authenticates inside the view's transaction: the 403 that a removed group causes would roll
the removal back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import router, transaction

from ...models import CognitoUser
from ..attributes.claim_sources import IdentityClaims

_written: ContextVar[list[IdentityClaims] | None] = ContextVar("django_cognito_request_writes", default=None)


@contextmanager
def collect_writes() -> Iterator[list[IdentityClaims]]:
    """Yield a list, and append to it each claim set that is written in this context inside an outer transaction."""
    written: list[IdentityClaims] = []
    token = _written.set(written)
    try:
        yield written
    finally:
        _written.reset(token)


def note_write(identity: IdentityClaims) -> None:
    """Add `identity` to the collected writes, if an outer transaction may still roll back its write."""
    written = _written.get()
    if written is not None and transaction.get_connection(router.db_for_write(CognitoUser)).in_atomic_block:
        written.append(identity)
