"""The moments of the link rows that a run of `cognito_sync` found unchanged: stored once for the pool, not in each row.

A run writes only the rows of users whose entry in the directory has changed. The others keep `listed_digest`, and
their groups and attributes count as of `CognitoConfirmation.confirmed_at`. Who is about to write other claims reads it
first. Must not depend on `users`.
"""

import math
from collections.abc import Collection

from django.db import router
from django.db.models import QuerySet

from ..db.share_locks import lock_shared
from ..models import CognitoConfirmation, CognitoUser

# Precedes the digest of an entry whose groups were read too: only such a row has groups that are confirmed.
WITH_GROUPS, WITHOUT_GROUPS = "g", "a"
MOMENTS = ("as_of", "directory_digest")  # the fields that a run confirms


def get_confirmations() -> QuerySet[CognitoConfirmation]:
    """Return the confirmations of all pools, in the database for writes."""
    return CognitoConfirmation.objects.using(router.db_for_write(CognitoConfirmation))


def set_confirmed_moments(links: Collection[CognitoUser], *, is_write: bool = True) -> list[CognitoUser]:
    """Set `as_of` and `directory_digest` of link rows to the moment of the last complete run, if it confirmed them.

    Return the links with a later moment than before; saves nothing. One query in the database for writes; none if no
    link has a `listed_digest`. With `is_write`, a run that ends now waits for this transaction, whose links it has
    perhaps confirmed: it sees then that they were changed.
    """
    pools = {link.user_pool_id for link in links if link.listed_digest}
    confirmations = get_confirmations().filter(user_pool_id__in=pools)
    read = lock_shared(confirmations) if is_write and pools else confirmations if pools else ()
    confirmed_at = {item.user_pool_id: item.confirmed_at for item in read if item.confirmed_at}
    changed = []
    for link in links:
        moment = confirmed_at.get(link.user_pool_id) if link.listed_digest else None
        if moment is None:
            continue
        before = link.as_of, link.directory_digest
        if link.listed_digest.startswith(WITH_GROUPS):
            link.as_of = max(link.as_of, moment)
        seconds, separator, halves = link.directory_digest.partition(":")
        if separator:  # after the deletion of a Django group there are no halves
            link.directory_digest = f"{max(int(seconds), math.floor(moment.timestamp()))}:{halves}"
        changed += [link] if before != (link.as_of, link.directory_digest) else []
    return changed


def read_confirmed_link(pk: int) -> CognitoUser | None:
    """Return the link with these moments, from the database for writes; None if there is none. Two queries, no lock."""
    rows = list(CognitoUser.objects.using(router.db_for_write(CognitoUser)).filter(pk=pk))
    set_confirmed_moments(rows, is_write=False)
    return rows[0] if rows else None
