"""The configuration of the app `demo`."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """The app that contains the `demo` command."""

    name = "demo"
