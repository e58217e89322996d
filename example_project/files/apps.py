"""Names the app for Django."""

from django.apps import AppConfig


class FilesConfig(AppConfig):
    """My files."""

    name = "files"
    verbose_name = "My files"
