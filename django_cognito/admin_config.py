"""The admin's app with Cognito's site for the default one. A module of its own: who has no admin imports none."""

from django.contrib.admin.apps import AdminConfig


class CognitoAdminConfig(AdminConfig):
    """`"django_cognito.admin_config.CognitoAdminConfig"` in INSTALLED_APPS, in place of `"django.contrib.admin"`."""

    default_site = "django_cognito.admin.CognitoAdminSite"
