"""Notes in the Django admin."""

from django.contrib import admin

from .models import Note


@admin.register(Note)
class NoteAdmin(admin.ModelAdmin):
    """The admin pages for notes."""

    list_display = ["title", "place", "observed_on", "author"]
    list_filter = ["observed_on"]
    list_select_related = ["author"]
    search_fields = ["title", "body", "place"]
    date_hierarchy = "observed_on"
    readonly_fields = ["author", "created", "updated"]

    def save_model(self, request, obj, form, change) -> None:
        """Set the author of a new note. An existing note keeps its author."""
        if not change:
            obj.author = request.user
        super().save_model(request, obj, form, change)
