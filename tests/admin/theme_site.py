"""The admin site of a theme, and a project that adds Cognito sign-in to it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import include, path

from django_cognito.admin import CognitoAdminSiteMixin


class ThemeAdminSite(admin.AdminSite):
    """The class that a theme brings: its own header and its own form for local passwords."""

    site_header = "A theme"
    login_template = "admin/login.html"

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add a value of the theme."""
        return {**super().each_context(request), "theme": "dark"}


class ProjectAdminSite(CognitoAdminSiteMixin, ThemeAdminSite):
    """The project's site."""


site = ProjectAdminSite()
urlpatterns = [
    path("auth/", include("django_cognito.urls")),
    path("admin/", site.urls),
]
