"""The photo of a note. It is one of its author's own files, so AWS returns it to the author only."""

from pathlib import PurePath
from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.functional import cached_property
from django.views import View
from django.views.generic import FormView

from files.bucket import UserFiles, read_object
from files.forms import PhotoForm
from files.limits import get_media_type
from files.mixins import AwsErrorMixin
from files.views import build_file_response

from .models import Note


class NotePhotoMixin(AwsErrorMixin, PermissionRequiredMixin):
    """A page about the photo of one note."""

    @cached_property
    def note(self) -> Note:
        """The note of the URL."""
        return get_object_or_404(Note.objects.select_related("author"), pk=self.kwargs["pk"])


class NotePhotoView(NotePhotoMixin, View):
    """Return the photo. It is requested from AWS with the credentials of the user who views it."""

    permission_required = "notes.view_note"

    @property
    def denied_reason(self) -> str:
        """The explanation for users who may not read the photo."""
        author = self.note.author.get_full_name() or self.note.author.get_username()
        return f"The photo is one of {author}'s own files, and AWS returns them only to their owner."

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Stream the photo from S3."""
        if not self.note.photo_key:
            raise Http404
        return build_file_response(read_object(request.cognito.aws, self.note.photo_key))


class NotePhotoEditView(NotePhotoMixin, FormView):
    """Add, replace or remove the photo of a note. Only the author of the note may do this."""

    permission_required = "notes.change_note"
    template_name = "notes/note_photo.html"
    form_class = PhotoForm

    def has_permission(self) -> bool:
        """Allow the author only: the photo of another user would not be stored with the author's files."""
        return super().has_permission() and self.note.author_id == self.request.user.pk

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the note."""
        return super().get_context_data(note=self.note, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Upload a photo, or remove the photo if the button "Remove the photo" was pressed."""
        if "remove_photo" not in request.POST:
            return super().post(request, *args, **kwargs)
        self._set_photo_key("")
        messages.success(request, "The photo was removed.")
        return redirect(self.note)

    def form_valid(self, form: PhotoForm) -> HttpResponse:
        """Store the photo in S3, and its key in the note."""
        photo = form.cleaned_data["photo"]
        extension = PurePath(photo.name).suffix.lower()
        name = f"Photo of note {self.note.pk}{extension}"
        user_files = UserFiles(self.request.cognito.aws)
        self._set_photo_key(user_files.put(name, photo.file, get_media_type(name), replace=True))
        messages.success(self.request, "The photo was added to your note.")
        return redirect(self.note)

    def _set_photo_key(self, key: str) -> None:
        """Set the key of the note's photo. Delete the previous photo unless it has the same key."""
        user_files, previous_key = UserFiles(self.request.cognito.aws), self.note.photo_key
        identity_id, _, name = previous_key.partition("/")
        if previous_key != key and identity_id == user_files.identity_id:
            user_files.delete(name)
        Note.objects.filter(pk=self.note.pk).update(photo_key=key)
