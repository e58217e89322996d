"""The addresses of the pages about notes."""

from django.urls import path

from . import photos, views

app_name = "notes"
urlpatterns = [
    path("", views.NoteList.as_view(), name="list"),
    path("new/", views.NoteCreate.as_view(), name="create"),
    path("<int:pk>/", views.NoteDetail.as_view(), name="detail"),
    path("<int:pk>/edit/", views.NoteUpdate.as_view(), name="edit"),
    path("<int:pk>/delete/", views.NoteDelete.as_view(), name="delete"),
    path("<int:pk>/photo/", photos.NotePhoto.as_view(), name="photo"),
    path("<int:pk>/photo/edit/", photos.NotePhotoEdit.as_view(), name="edit_photo"),
]
