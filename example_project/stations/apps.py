"""The configuration of the app `stations`."""

from django.apps import AppConfig


class StationsConfig(AppConfig):
    """The app for the notebooks of field stations."""

    name = "stations"
    verbose_name = "Field stations"
