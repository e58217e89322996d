"""The configuration of the app `files`."""

from django.apps import AppConfig


class FilesConfig(AppConfig):
    """The app for the users' files."""

    name = "files"
    verbose_name = "My files"
