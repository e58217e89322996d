"""The admin site with sign-in and sign-out via Cognito.

`django_cognito.admin_config.CognitoAdminConfig` in INSTALLED_APPS, for `django.contrib.admin`, makes it the default.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from ..conf.loading import get_settings
from ..login.sign_out_page import without_transaction
from ..login.views import logout

_LOCAL = "local"  # in the query: the form for a local password is asked for


class CognitoAdminSite(admin.AdminSite):
    """An admin site that uses the site's Cognito sign-in. `is_staff` is set by GROUPS or by hand.

    With ADMIN_LOCAL_PASSWORD Django's own form stays at `login/?local`, for use if Cognito cannot be reached.
    """

    @method_decorator([never_cache, login_not_required])
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Redirect an anonymous user to sign in. Raise PermissionDenied for a signed-in user without permission."""
        if get_settings().admin_local_password and _LOCAL in request.GET:
            return super().login(request, extra_context)
        wanted = request.GET.get(REDIRECT_FIELD_NAME, "")
        if not url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()):
            wanted = reverse("admin:index", current_app=self.name)
        if self.has_permission(request):
            return HttpResponseRedirect(wanted)
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(wanted, reverse("cognito:login"))

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Leave sign-out alone: Django's check would send a user whose session has expired to sign in again."""
        return view if view == self.logout else super().admin_view(view, cacheable)

    @method_decorator([without_transaction, csrf_exempt, login_not_required])  # our own view checks the CSRF token
    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Sign out of the site and of the hosted UI, not of the admin alone."""
        return logout(request)
