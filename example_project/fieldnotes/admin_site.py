"""Django's admin with Cognito sign-in and sign-out, and the name of the site."""

from django_cognito.admin import CognitoAdminSite


class FieldnotesAdminSite(CognitoAdminSite):
    """As the package has it."""

    site_header = site_title = "Fieldnotes"
    index_title = "Administration"
