"""The addresses of Fieldnotes."""

from django.contrib import admin
from django.urls import include, path
from rest_framework.routers import SimpleRouter

from notes.api import NoteViewSet

from . import pages

api = SimpleRouter()
api.register("notes", NoteViewSet)

urlpatterns = [
    path("", pages.HomePage.as_view(), name="home"),
    path("me/", pages.MePage.as_view(), name="me"),
    path("notes/", include("notes.urls")),
    path("api/", include(api.urls)),
    path("auth/", include("django_cognito.urls")),
    path("admin/", admin.site.urls),
]
