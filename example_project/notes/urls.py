"""The URLs of the notes pages."""

from django.urls import path

from . import photos, views

app_name = "notes"
urlpatterns = [
    path("", views.NoteListView.as_view(), name="list"),
    path("new/", views.NoteCreateView.as_view(), name="create"),
    path("<int:pk>/", views.NoteDetailView.as_view(), name="detail"),
    path("<int:pk>/edit/", views.NoteUpdateView.as_view(), name="edit"),
    path("<int:pk>/delete/", views.NoteDeleteView.as_view(), name="delete"),
    path("<int:pk>/photo/", photos.NotePhotoView.as_view(), name="photo"),
    path("<int:pk>/photo/edit/", photos.NotePhotoEditView.as_view(), name="edit_photo"),
]
