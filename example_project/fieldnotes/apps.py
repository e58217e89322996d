"""Replace Django's default admin site with the admin site of Fieldnotes."""

from django.contrib.admin.apps import AdminConfig


class FieldnotesAdminConfig(AdminConfig):
    """The admin app with Cognito sign-in."""

    default_site = "fieldnotes.admin_site.FieldnotesAdminSite"
