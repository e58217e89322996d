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
        from .authorization import deleted_groups, group_expiry
        from .sessions.ending import sign_out  # noqa: F401
        from .users.accounts import unlinking

        deleted_groups.connect_receivers(apps.get_models())
        user_logged_in.connect(group_expiry.store_next_moment, dispatch_uid="django_cognito.authorization.group_expiry")
        unlinking.connect_receivers(apps.get_models())
        if apps.is_installed("hijack"):
            from .contrib import hijack  # noqa: F401
        if apps.is_installed("drf_spectacular"):
            from .contrib.spectacular import scheme  # noqa: F401
        if apps.is_installed("django.contrib.admin"):
            self._register_in_admin()

    def _register_in_admin(self) -> None:
        """Register the models at the default admin site, unless the project registers models itself.

        Not when `django_cognito.admin` is imported: then Django may be building that site from it.
        """
        from django.contrib.admin import site
        from django.contrib.admin.apps import AdminConfig

        if isinstance(apps.get_app_config("admin"), AdminConfig):  # SimpleAdminConfig discovers nothing
            from .admin import register_models

            register_models(site)
