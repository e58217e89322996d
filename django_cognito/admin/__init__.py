"""Cognito sign-in for Django's admin site, and pages of links, memberships and logins.

Must not register models at import: a project's admin site may import it while Django builds the default site.
"""

from .accounts import (
    CognitoLoginAdmin,
    CognitoMembershipAdmin,
    CognitoUserAdmin,
    CognitoUserInline,
    register_models,
)
from .site import CognitoAdminSite, CognitoAdminSiteMixin

__all__ = [
    "CognitoAdminSite",
    "CognitoAdminSiteMixin",
    "CognitoLoginAdmin",
    "CognitoMembershipAdmin",
    "CognitoUserAdmin",
    "CognitoUserInline",
    "register_models",
]
