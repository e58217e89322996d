"""The URLs of the test site: the admin and the package's own; other tests set their URLs with `pytest.mark.urls`."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("auth/", include("django_cognito.urls")),
]
