"""Cognito sign-in for Django's admin site."""

from .site import CognitoAdminSite

__all__ = ["CognitoAdminSite"]
