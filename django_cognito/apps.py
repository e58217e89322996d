"""The app. `ready()` connects; it reaches nothing."""

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class CognitoConfig(AppConfig):
    """`django_cognito` in INSTALLED_APPS."""

    name = "django_cognito"
    verbose_name = _("Amazon Cognito")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks and the receivers of sign-out and of unlinking."""
        from . import checks  # noqa: F401
        from .login import session  # noqa: F401
        from .people import unlinking

        unlinking.connect(apps.get_models())
