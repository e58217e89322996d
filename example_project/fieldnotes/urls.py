"""The URLs of Fieldnotes."""

from django.contrib import admin
from django.urls import include, path
from rest_framework.routers import SimpleRouter

from files.api import FileListView
from notes.api import NoteViewSet

from . import views

api = SimpleRouter()
api.register("notes", NoteViewSet)

urlpatterns = [
    path("", views.HomeView.as_view(), name="home"),
    path("me/", views.ProfileView.as_view(), name="me"),
    path("notes/", include("notes.urls")),
    path("stations/", include("stations.urls")),
    path("sync/", include("pool_sync.urls")),
    path("files/", include("files.urls")),
    path("api/files/", FileListView.as_view(), name="file-list"),
    path("api/", include(api.urls)),
    path("auth/", include("django_cognito.urls")),
    path("datasets/", include("django_cognito.datasets.urls")),
    path("admin/", admin.site.urls),
]
