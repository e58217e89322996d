"""Django's admin, entered and left by way of Cognito."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme

from django_cognito.views import logout as cognito_logout


class FieldnotesAdminSite(admin.AdminSite):
    """No password form of its own: people sign in where they always do."""

    site_header = site_title = "Fieldnotes"
    index_title = "Administration"

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send a stranger to sign in. Turn away who has signed in and may not enter: doing so again would not help."""
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        wanted = request.GET.get("next", "")
        safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
        return redirect_to_login(wanted if safe else request.path.removesuffix("login/"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Leave Fieldnotes and the hosted UI, not just the admin."""
        return cognito_logout(request)
