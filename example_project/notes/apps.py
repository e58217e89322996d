"""The configuration of the app `notes`."""

from django.apps import AppConfig


class NotesConfig(AppConfig):
    """The app for notes."""

    name = "notes"
    verbose_name = "Field notes"
