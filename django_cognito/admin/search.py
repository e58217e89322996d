"""Lists and searches of the admin that stay fast at a million rows. Must not depend on requests.

No query counts or compares all rows of a table: each uses an index of this package or of the user model.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.db.models import QuerySet

from ..conf.loading import get_pool_registry
from ..models import CognitoMembership, CognitoUser

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator  # cannot be subscripted

MAX_ROWS = 1_000  # of a list and of the result of a search: COUNT(*) of a whole table reads all of it


class BoundedPaginator(_Paginator):
    """Django's paginator for the first MAX_ROWS rows."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most MAX_ROWS."""
        rows: Any = self.object_list
        return int(rows.order_by()[:MAX_ROWS].count())


def find_links(term: str, using: str) -> list[int]:
    """Return the ids of the links with the sub `term`, or of a Django user whose username begins with `term`.

    At most MAX_ROWS by username. Two queries, because no database uses two indexes for one condition with OR across
    tables.
    """
    links = CognitoUser.objects.using(using)
    # The index is on the pool and the sub.
    pool_ids = [pool.user_pool_id for pool in get_pool_registry().user_pools]
    by_sub = links.filter(user_pool_id__in=pool_ids, sub=term)
    by_username = links.filter(**{f"user__{get_user_model().USERNAME_FIELD}__startswith": term})
    return [*_list_ids(by_sub), *_list_ids(by_username)]


def find_memberships(term: str, using: str) -> list[int]:
    """Return the ids of the memberships of the links of `find_links`, or in groups whose name begins with `term`."""
    memberships = CognitoMembership.objects.using(using)
    of_links = memberships.filter(cognito_user__in=find_links(term, using))
    return [*_list_ids(of_links), *_list_ids(memberships.filter(name__startswith=term))]


def _list_ids(rows: QuerySet[Any]) -> list[int]:
    return list(rows.values_list("pk", flat=True)[:MAX_ROWS])
