"""URLs of a site with an admin that signs in with Cognito, and without the login URLs."""

from django.urls import path

from django_cognito.admin import CognitoAdminSite

urlpatterns = [path("admin/", CognitoAdminSite().urls)]
