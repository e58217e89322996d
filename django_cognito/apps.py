"""The app. `ready()` connects receivers; no I/O."""

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class CognitoConfig(AppConfig):
    """`django_cognito` in INSTALLED_APPS."""

    name = "django_cognito"
    verbose_name = _("Amazon Cognito")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, the sign-out receiver and the receivers that protect unread changes."""
        from . import checks  # noqa: F401
        from .login import session  # noqa: F401
        from .people import snapshot  # noqa: F401

        if apps.is_installed("hijack"):
            from .contrib import hijack  # noqa: F401
