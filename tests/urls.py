"""The URLs of the test site: a page, the admin, the package's own; other tests use `pytest.mark.urls`."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def show_home(request: HttpRequest) -> HttpResponse:
    """Return the page of LOGIN_REDIRECT_URL."""
    return HttpResponse("home")


urlpatterns = [
    path("", show_home),
    path("admin/", admin.site.urls),
    path("auth/", include("django_cognito.urls")),
    path("datasets/", include("django_cognito.datasets.urls")),
]
