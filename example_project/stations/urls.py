"""The URLs of the stations pages. The station is the second part of the path, as `select_station` expects."""

from django.urls import path

from . import views

app_name = "stations"
urlpatterns = [
    path("", views.StationListView.as_view(), name="list"),
    path("<str:station>/", views.NoteListView.as_view(), name="notes"),
    path("<str:station>/new/", views.NoteCreateView.as_view(), name="create"),
    path("<str:station>/<int:pk>/", views.NoteDetailView.as_view(), name="detail"),
    path("<str:station>/<int:pk>/edit/", views.NoteUpdateView.as_view(), name="edit"),
]
