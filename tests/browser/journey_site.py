"""The site of the browser tests: every template tag of the package, forms to link, unlink and sign out."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template import engines
from django.urls import include, path

from django_cognito.admin import CognitoAdminSite
from django_cognito.decorators import silent_sign_in
from tests.support.login_site import who

_PAGE = """{% load static cognito %}<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Journeys</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="{% static 'django_cognito/buttons.css' %}">
  <style>
    :root { color-scheme: light dark }
    body { background: light-dark(#fff, #14171a); color: light-dark(#16191d, #eceff2) }
    p a { color: light-dark(#0b5cad, #7db8f5) }
  </style>
</head>
<body><main>
<h1>Hello, {% firstof user.get_username "stranger" %}</h1>
{% if user.is_authenticated %}
<p>From <code>{{ request.cognito.pool.user_pool_id }}</code>, in <code>{{ request.cognito.groups|join:" " }}</code>.</p>
<p>Remembered: {{ request.session.remembered }}</p>
<form method="post" action="{% url 'cognito:link' %}">
  {% csrf_token %}<input type="hidden" name="identity_provider" value="Acme"><button>Add my Acme account</button>
</form>
{% for account in user.cognito_users.all %}
<form method="post" action="{% url 'cognito:unlink' account.pk %}">
  {% csrf_token %}{{ account.username }} <button>Remove {{ account.username }}</button>
</form>
{% endfor %}
<form method="post" action="{% url 'cognito:logout' %}">
  {% csrf_token %}
  <button>Sign out</button>
  <button name="where" value="here">Sign out here</button>
  <button name="where" value="everywhere">Sign out everywhere</button>
</form>
{% else %}
<p><a href="{% sign_in_url %}">Sign in</a>, <a href="{% url 'cognito:sign_up' %}">Make an account</a>,
<a href="{% url 'cognito:forgot_password' %}">Forgotten your password?</a></p>
{% sign_in_buttons next="/mine/" %}
{% sign_in_by_email next="/mine/" %}
{% endif %}
</main></body></html>"""


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(_PAGE).render({}, request))


def remember(request: HttpRequest) -> HttpResponse:
    """Write private data of the user into the session."""
    request.session["remembered"] = f"{request.user.get_username()}'s basket"
    return HttpResponseRedirect("/")


def enter(request: HttpRequest, alias: str) -> HttpResponse:
    """Select the tenant of the browser's session."""
    request.session["tenant"] = alias
    return HttpResponseRedirect("/")


def tenant_of(request: Any) -> Any:
    """Return the tenant's alias from the session; this is the POOL_RESOLVER."""
    return request.session.get("tenant")


backoffice = CognitoAdminSite()
backoffice.register(get_user_model())

urlpatterns = [
    path("", home),
    path("favicon.ico", lambda _: HttpResponse(status=204)),  # browsers request it on pages that name no icon
    path("mine/", login_required(home)),
    path("who/", who),
    path("remember/", remember),
    path("at/<alias>/", enter),
    path("greeting/", silent_sign_in(home)),
    path("auth/", include("django_cognito.urls")),
    path("admin/", backoffice.urls),
]
