"""Django's admin with Cognito sign-in and sign-out, under the name of this site."""

from django_cognito.admin import CognitoAdminSite


class FieldnotesAdminSite(CognitoAdminSite):
    """The admin site of Fieldnotes."""

    site_header = site_title = "Fieldnotes"
    index_title = "Administration"
