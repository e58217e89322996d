"""The addresses of the tests' site: the admin and ours; tests of doors bring their own by `pytest.mark.urls`."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("auth/", include("django_cognito.urls")),
]
