"""Puts Fieldnotes' admin site in the place of Django's own."""

from django.contrib.admin.apps import AdminConfig


class FieldnotesAdminConfig(AdminConfig):
    """The admin, entered by way of Cognito."""

    default_site = "fieldnotes.admin_site.FieldnotesAdminSite"
