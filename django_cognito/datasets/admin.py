"""The admin page of datasets: sizes and times, no keys, no values. Read-only: a removed row would lose its count."""

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _

from ..admin.accounts import ReadOnlyAdmin
from .models import Dataset

_MAX_USERS = 1_000


def find_users(term: str, using: str) -> list[int]:
    """Return the ids of the users whose username begins with `term`, at most 1,000."""
    users = get_user_model()._default_manager.using(using)
    matching = users.filter(**{f"{get_user_model().USERNAME_FIELD}__startswith": term})
    return list(matching.values_list("pk", flat=True)[:_MAX_USERS])


@admin.register(Dataset)
class DatasetAdmin(ReadOnlyAdmin):
    """The datasets of users."""

    list_display = ("name", "user", "sync_count", "record_count", "byte_count", "modified_at")
    list_select_related = ("user",)
    search_fields = ("user",)  # shows the field for searches; `find_ids` has the condition
    search_help_text = _("The beginning of a Django username. Shows at most 1,000 rows.")
    find_ids = staticmethod(find_users)
    id_lookup = "user__in"
    fields = ("user", "name", "sync_count", "record_count", "byte_count", "modified_at")
    readonly_fields = fields
