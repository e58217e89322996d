"""The admin site with sign-in and sign-out via Cognito. Must not register models.

`django_cognito.admin_config.CognitoAdminConfig` in INSTALLED_APPS, for `django.contrib.admin`, makes it the default.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import get_script_prefix, reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from ..conf.loading import get_settings
from ..login.sign_out_page import without_transaction
from ..login.views import logout
from ..sessions import store
from ..web.pool_selection import find_settings_for_request
from ..web.security_headers import set_security_headers

if TYPE_CHECKING:
    _AdminSite = admin.AdminSite
else:
    _AdminSite = object  # a theme's site is the base class

_LOCAL = "local"  # in the query: the form for a local password is requested


class CognitoAdminSiteMixin(_AdminSite):
    """Sign-in and sign-out via Cognito for an admin site: `class Site(CognitoAdminSiteMixin, ThemeAdminSite)`.

    `is_staff` is set by GROUPS or by an administrator. With ADMIN_LOCAL_PASSWORD the site's own form stays at
    `login/?local`, for use if Cognito cannot be reached.
    """

    @method_decorator([never_cache, login_not_required, csrf_protect])
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Redirect an anonymous user to sign in; return the page of a refusal for a user without permission.

        The form of that page is posted here: it starts a sign-in at which Cognito requires the password, so that
        its own session does not return the same user. The user stays signed in until that sign-in succeeds.
        """
        if get_settings().admin_local_password and _LOCAL in request.GET:
            return super().login(request, extra_context)
        next_url = request.GET.get(REDIRECT_FIELD_NAME, "")
        if not url_has_allowed_host_and_scheme(next_url, {request.get_host()}, request.is_secure()):
            next_url = reverse("admin:index", current_app=self.name)
        if self.has_permission(request):
            return HttpResponseRedirect(next_url)
        if not request.user.is_authenticated:
            return redirect_to_login(next_url, reverse("cognito:login"))
        if request.method == "POST":
            return redirect_to_login(next_url, reverse("cognito:login") + "?prompt=login")
        return self._render_refusal(request)

    def _render_refusal(self, request: HttpRequest) -> HttpResponse:
        context = {
            "username": request.user.get_username(),
            "home": get_script_prefix(),
            "logout": reverse("admin:logout", current_app=self.name),
        }
        page = render(request, "django_cognito/admin_refused.html", context, status=403)
        pools = (store.find_settings_of_session(request.session), find_settings_for_request(request))
        # "no-referrer" would make browsers post the forms with "Origin: null", which the CSRF check rejects.
        return set_security_headers(page, *pools, referrer_policy="same-origin")

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Leave sign-out alone: Django's check would send a user whose session has expired to sign in again."""
        return view if view == self.logout else super().admin_view(view, cacheable)

    @method_decorator([without_transaction, csrf_exempt, login_not_required])  # our own view checks the CSRF token
    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Sign out of the site and of the hosted UI, not of the admin alone."""
        return logout(request)


class CognitoAdminSite(CognitoAdminSiteMixin, admin.AdminSite):
    """Django's admin site with sign-in and sign-out via Cognito."""
