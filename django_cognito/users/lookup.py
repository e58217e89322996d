"""Read a link row and its user with one query, whose SQL is compiled once for each database.

Must not depend on tokens.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any

from django.db import router

from ..db.compiled_query import CompiledQuery, Part
from ..models import DIGEST_FIELDS, CognitoUser

_LINK_FIELDS = ("id", "groups", "as_of", *DIGEST_FIELDS, "enabled", "gone_at", "not_before")
_POOL, _SUB = "the pool", "the sub"  # placeholders for the values while the SQL is compiled
_LINK, _USER = range(2)  # the parts of a row


class LinkSnapshot:
    """The fields of a link row that are compared with a token, and the Django user of the link.

    `new_user()` returns another instance of the user from the same row, which shares no value with the first.
    """

    __slots__ = (
        "as_of",
        "enabled",
        "gone_at",
        "groups",
        "new_user",
        "not_before",
        "pk",
        "user",
        "using",
        *DIGEST_FIELDS,
    )

    pk: int
    groups: list[str]
    as_of: datetime
    access_digest: str
    id_digest: str
    user_info_digest: str
    directory_digest: str
    enabled: bool
    gone_at: datetime | None
    not_before: datetime | None
    user: Any

    def __init__(self, query: CompiledQuery, row: Sequence[Any]) -> None:
        self.using = query.using
        values = query.read_values(row, _LINK)
        self.pk, self.groups, self.as_of, *digests, self.enabled, self.gone_at, self.not_before = values
        self.access_digest, self.id_digest, self.user_info_digest, self.directory_digest = digests
        self.new_user = partial(query.create_instance, row, _USER)
        self.user = self.new_user()


def fetch_link(user_pool_id: str, sub: str, using: str | None = None) -> LinkSnapshot | None:
    """Return the link of a Cognito user; None if there is none. One query, by default in `get_read_alias()`."""
    query = _get_query(using or get_read_alias())
    row = query.fetch_row([sub if stands_for == _SUB else user_pool_id for stands_for in query.parameters])
    return None if row is None else LinkSnapshot(query, row)


def get_read_alias() -> str:
    """Return the alias of the database to read from now: a database router may choose another one each time."""
    return router.db_for_read(CognitoUser)


@cache
def _get_query(using: str) -> CompiledQuery:
    links = CognitoUser.objects.filter(user_pool_id=_POOL, sub=_SUB)
    user_model = CognitoUser._meta.get_field("user").related_model
    return CompiledQuery(using, links, Part(CognitoUser, _LINK_FIELDS), Part.of_all_fields(user_model, "user__"))
