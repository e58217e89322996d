"""A site with two admins that use Cognito: the default one and one with another name."""

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import include, path

from django_cognito.admin import CognitoAdminSite, CognitoUserInline, register_models
from tests.support.login_site import home, who


class SiteUserAdmin(admin.ModelAdmin):
    """A project's admin of users, with their links. Each user model of the tests has its field."""

    fields = ("email",)
    inlines = (CognitoUserInline,)


site, backoffice = CognitoAdminSite(), CognitoAdminSite(name="backoffice")
for admin_site in (site, backoffice):
    admin_site.register(get_user_model(), SiteUserAdmin)
    register_models(admin_site)

urlpatterns = [
    path("", home, name="home"),
    path("who/", who),
    path("auth/", include("django_cognito.urls")),
    path("admin/", site.urls),
    path("backoffice/", backoffice.urls),
]
