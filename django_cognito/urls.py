"""The login's addresses: `path("auth/", include("django_cognito.urls"))`, namespace "cognito"."""

from django.urls import path

from . import views

app_name = "cognito"

urlpatterns = [
    path("login/", views.login, name="login"),
    path("callback/", views.callback, name="callback"),
    path("logout/", views.logout, name="logout"),
]
