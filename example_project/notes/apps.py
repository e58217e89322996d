"""Names the app for Django."""

from django.apps import AppConfig


class NotesConfig(AppConfig):
    """Field notes."""

    name = "notes"
    verbose_name = "Field notes"
