"""Puts Fieldnotes' admin site in the place of Django's own."""

from django.contrib.admin.apps import AdminConfig


class FieldnotesAdminConfig(AdminConfig):
    """The admin with Cognito sign-in."""

    default_site = "fieldnotes.admin_site.FieldnotesAdminSite"
