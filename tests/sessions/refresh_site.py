"""The site of `refresh_processes`: settings and URLs in one module; `refresh_wsgi` serves it."""

import os
from typing import Any

from django.http import HttpResponse
from django.urls import path

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES as _DATABASES
from tests.settings import MIDDLEWARE as _MIDDLEWARE
from tests.support.timeouts import HTTP_TIMEOUT_SECONDS

ROOT_URLCONF = __name__
MIDDLEWARE = [f"{__name__}.record_process", f"{__name__}.record_leases", *_MIDDLEWARE]
DATABASES = {"default": {**_DATABASES["default"], "NAME": os.environ["REFRESH_SITE_DATABASE"]}}
COGNITO = {
    "USER_POOL_ID": "eu-west-1_Journeys1",
    "CLIENT_ID": "3rotating",
    "ISSUER": os.environ["REFRESH_SITE_ISSUER"],
    "DOMAIN": os.environ["REFRESH_SITE_DOMAIN"],
    "MAX_REFRESHES": 100,
    "HTTP_TIMEOUT_SECONDS": HTTP_TIMEOUT_SECONDS,
    "TOKEN_TIMEOUT_SECONDS": float(os.environ["REFRESH_SITE_TOKEN_TIMEOUT"]),
}


def record_process(get_response: Any) -> Any:
    """Append the process id of each request to a file, before the session is read."""

    def middleware(request: Any) -> Any:
        with open(os.environ["REFRESH_SITE_PIDS"], "a", encoding="ascii") as pids:
            pids.write(f"{os.getpid()}\n")
        return get_response(request)

    return middleware


def record_leases(get_response: Any) -> Any:
    """Append the id of the login to a file for each lease that this process acquires."""
    from django_cognito.sessions.refresh import lease as refresh_lease

    acquire_lease = refresh_lease.acquire_lease

    def acquire_and_record(login: Any) -> Any:
        leased_login = acquire_lease(login)
        if leased_login is not None:
            with open(os.environ["REFRESH_SITE_LEASES"], "a", encoding="ascii") as leases:
                leases.write(f"{login.pk}\n")
        return leased_login

    refresh_lease.acquire_lease = acquire_and_record
    return get_response


def show_username(request: Any) -> HttpResponse:
    """Return the username, or a fixed word for an anonymous user."""
    return HttpResponse(request.user.get_username() or "nobody")


urlpatterns = [path("who/", show_username)]
