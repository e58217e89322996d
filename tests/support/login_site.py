"""A site for tests of the login: Cognito sign-in, the admin, and pages that depend on the user."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import include, path

from django_cognito.decorators import silent_sign_in

_PAGE = """<!doctype html><html lang="en"><head><title>Home</title><link rel="icon" href="data:,"></head><body>
<h1>{% if user.is_authenticated %}Hello, {{ user.get_username }}{% else %}Hello, stranger{% endif %}</h1>
<p><a href="{% url 'cognito:login' %}">Sign in</a> <a href="{% url 'cognito:logout' %}">Sign out</a></p>
</body></html>"""


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(_PAGE).render({}, request))


def who(request: Any) -> HttpResponse:
    return HttpResponse(request.user.get_username() or "nobody")


@login_required
def mine(request: Any) -> HttpResponse:
    return who(request)


@permission_required("auth.change_group", raise_exception=True)
def change_groups(request: HttpRequest) -> HttpResponse:
    return HttpResponse("changed")


@silent_sign_in
def open_to_all(request: Any) -> HttpResponse:
    """Return the username: a public page that signs a user in silently."""
    return who(request)


@silent_sign_in
async def open_to_all_async(request: Any) -> HttpResponse:
    user = await request.auser()
    return HttpResponse(user.get_username() or "nobody")


def subject(request: Any) -> HttpResponse:
    token = request.cognito.token
    return HttpResponse(token.sub if token else "no token")


def broken(request: Any) -> HttpResponse:
    raise RuntimeError(f"an error of the site, with {request.cognito.token.username} signed in")


urlpatterns = [
    path("", home, name="home"),
    path("who/", who),
    path("mine/", mine),
    path("groups/", change_groups),
    path("open/", open_to_all),
    path("open/async/", open_to_all_async),
    path("subject/", subject),
    path("broken/", broken),
    path("auth/", include("django_cognito.urls")),
    path("admin/", admin.site.urls),
]
