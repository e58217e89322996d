"""Django's admin, entered and left by way of Cognito, under the site's own name."""

from django_cognito.admin import CognitoAdminSite


class FieldnotesAdminSite(CognitoAdminSite):
    """As the package has it."""

    site_header = site_title = "Fieldnotes"
    index_title = "Administration"
