"""Names the app for Django, which finds the `demo` command by it."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Fieldnotes on one machine."""

    name = "demo"
