"""Bring the users of a whole user pool into Django and keep them right. Needs the extra `aws`."""

from .one_user import bring_in
from .whole_pool import SyncReport, sync_pool

__all__ = ["SyncReport", "bring_in", "sync_pool"]
