"""The URLs of the synchronization pages."""

from django.urls import path

from . import views

app_name = "pool_sync"
urlpatterns = [
    path("", views.RunListView.as_view(), name="list"),
    path("runs/", views.RunListView.as_view(template_name="pool_sync/runs.html"), name="runs"),
    path("start/", views.StartView.as_view(), name="start"),
]
