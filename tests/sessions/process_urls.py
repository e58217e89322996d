"""The pages of the site of `test_two_processes`; each names its process."""

import os

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from django_cognito.sessions.refresh import lease as refresh_lease

refresh_lease.WAIT_SECONDS = 120.0  # a busy computer may need longer than three seconds for a refresh


def show_username(request: HttpRequest) -> JsonResponse:
    """Return the user's name ("" if anonymous) and the id of the process."""
    return JsonResponse({"user": request.user.get_username(), "process": os.getpid()})


urlpatterns = [
    path("who/", show_username),
    path("mine/", login_required(show_username)),
    path("auth/", include("django_cognito.urls")),
]
