"""The admin, entered and left by way of Cognito.

`django_cognito.admin_config.CognitoAdminConfig` in INSTALLED_APPS, for `django.contrib.admin`, makes it the default.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from .conf import get_settings
from .views import logout

_LOCAL = "local"  # in the query: the form for a local password is asked for


class CognitoAdminSite(admin.AdminSite):
    """People sign in where they always do: who is staff is told by GROUPS, or was set by hand.

    With ADMIN_LOCAL_PASSWORD Django's own form stays at `login/?local`, for when Cognito is out of reach.
    """

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send a stranger to sign in. Turn away who has signed in and may not enter: doing so again would not help."""
        if get_settings().admin_local_password and _LOCAL in request.GET:
            return super().login(request, extra_context)
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        wanted = request.GET.get("next", "")
        is_safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
        index = reverse("admin:index", current_app=self.name)
        return redirect_to_login(wanted if is_safe else index, reverse("cognito:login"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Leave the site and the hosted UI, not just the admin."""
        return logout(request)
