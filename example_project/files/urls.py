"""The addresses of the pages about files."""

from django.urls import path

from . import views

app_name = "files"
urlpatterns = [
    path("", views.FileList.as_view(), name="list"),
    path("mine/<str:name>/", views.FileDownload.as_view(), name="download"),
    path("mine/<str:name>/delete/", views.FileDelete.as_view(), name="delete"),
    path("other-user/", views.OtherUserFiles.as_view(), name="other_user"),
]
