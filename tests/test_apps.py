"""The app's `ready()`: what it imports depends on what the site has installed. No I/O."""

import sys

from django.apps import apps
from django.test.utils import modify_settings

from django_cognito import contrib


def test_support_for_django_hijack_is_imported_if_it_is_installed() -> None:
    sys.modules.pop("django_cognito.contrib.hijack", None)
    vars(contrib).pop("hijack", None)
    with modify_settings(INSTALLED_APPS={"append": "hijack"}):
        assert "django_cognito.contrib.hijack" in sys.modules
    assert apps.is_installed("django_cognito")
