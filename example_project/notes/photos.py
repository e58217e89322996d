"""The photo of a note: stored with its author's own files, so AWS returns it to the author only."""

from pathlib import PurePath
from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.functional import cached_property
from django.views import View
from django.views.generic import FormView

from files import limits
from files.asking_aws import AsksAws
from files.bucket import OwnFiles, read
from files.forms import PhotoForm
from files.views import file_response

from .models import Note


class NotePhotoPage(AsksAws, PermissionRequiredMixin):
    """A page about the photo of one note."""

    @cached_property
    def note(self) -> Note:
        """The note."""
        return get_object_or_404(Note.objects.select_related("author"), pk=self.kwargs["pk"])


class NotePhoto(NotePhotoPage, View):
    """Return the photo, requested from AWS with the credentials of the user who views it."""

    permission_required = "notes.view_note"

    @property
    def why(self) -> str:
        """Said to those whom AWS refuses it."""
        author = self.note.author.get_full_name() or self.note.author.get_username()
        return f"The photo is one of {author}'s own files, and AWS returns them only to their owner."

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The picture, as it comes from S3."""
        if not self.note.photo_key:
            raise Http404
        return file_response(read(request.cognito.aws, self.note.photo_key))


class NotePhotoEdit(NotePhotoPage, FormView):
    """Add a photo to a note of one's own, replace it, or take it off."""

    permission_required = "notes.change_note"
    template_name = "notes/note_photo.html"
    form_class = PhotoForm

    def has_permission(self) -> bool:
        """Allow the author only: the photo of another user would not be stored with the author's files."""
        return super().has_permission() and self.note.author_id == self.request.user.pk

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form, and the note that it is for."""
        return super().get_context_data(note=self.note, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """One form uploads, the other one takes off."""
        if "take_off" not in request.POST:
            return super().post(request, *args, **kwargs)
        self._change("")
        messages.success(request, "The photo is gone.")
        return redirect(self.note)

    def form_valid(self, form: PhotoForm) -> HttpResponse:
        """Store it, and remember where."""
        photo = form.cleaned_data["photo"]
        ending = PurePath(photo.name).suffix.lower()
        own = OwnFiles(self.request.cognito.aws)
        name = f"Photo of note {self.note.pk}{ending}"
        self._change(own.put(name, photo.file, limits.type_of(name), replace=True))
        messages.success(self.request, "The photo is on your note.")
        return redirect(self.note)

    def _change(self, key: str) -> None:
        """Let the note have the photo at `key`, or none; the one before is deleted, unless it has been replaced."""
        own, before = OwnFiles(self.request.cognito.aws), self.note.photo_key
        identity_id, _, name = before.partition("/")
        if before != key and identity_id == own.identity_id:
            own.delete(name)
        Note.objects.filter(pk=self.note.pk).update(photo_key=key)
