"""The app. `ready()` connects receivers; no I/O."""

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class CognitoConfig(AppConfig):
    """`django_cognito` in INSTALLED_APPS."""

    name = "django_cognito"
    verbose_name = _("Amazon Cognito")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, and the receivers of Django's signals."""
        from django.contrib.auth.signals import user_logged_in

        from . import checks  # noqa: F401
        from .login import session  # noqa: F401
        from .people import deleted_groups, remembered, snapshot, unlinking  # noqa: F401

        deleted_groups.connect(apps.get_models())
        user_logged_in.connect(remembered.store_next_moment, dispatch_uid="django_cognito.people.remembered")
        unlinking.connect(apps.get_models())
        if apps.is_installed("hijack"):
            from .contrib import hijack  # noqa: F401
