"""The URLs of the files pages."""

from django.urls import path

from . import views

app_name = "files"
urlpatterns = [
    path("", views.FileListView.as_view(), name="list"),
    path("mine/<str:name>/", views.FileDownloadView.as_view(), name="download"),
    path("mine/<str:name>/delete/", views.FileDeleteView.as_view(), name="delete"),
    path("other-user/", views.OtherUserFilesView.as_view(), name="other_user"),
]
