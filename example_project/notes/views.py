"""The pages about notes. Who may see or do what is Django's permissions, and nothing else."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.views import generic

from files import bucket

from .forms import NoteForm
from .models import Note


class NotePage(PermissionRequiredMixin):
    """What every page about notes shares: notes come with their authors."""

    def get_queryset(self) -> QuerySet[Note]:
        """One query for a page of notes and the names under them."""
        return Note.objects.select_related("author")


class NoteList(NotePage, generic.ListView):
    """All notes, newest first."""

    permission_required = "notes.view_note"
    paginate_by = 10


class NoteDetail(NotePage, generic.DetailView):
    """One note."""

    permission_required = "notes.view_note"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whether it is the reader's own, and whether there is a place for photos. AWS is not asked here."""
        is_own = self.object.author_id == self.request.user.pk
        return super().get_context_data(is_own=is_own, has_files=bucket.is_configured(), **kwargs)


class NoteWriting(NotePage):
    """What creating and editing share: the form, and a word when it is done."""

    form_class = NoteForm
    template_name = "notes/note_form.html"
    done = ""

    def form_valid(self, form: NoteForm) -> HttpResponse:
        """Save, and say so."""
        response = super().form_valid(form)
        messages.success(self.request, self.done.format(title=form.instance.title))
        return response


class NoteCreate(NoteWriting, generic.CreateView):
    """Write a new note."""

    permission_required = "notes.add_note"
    done = "“{title}” is in the notebook."

    def form_valid(self, form: NoteForm) -> HttpResponse:
        """The author is who writes it."""
        form.instance.author = self.request.user
        return super().form_valid(form)


class NoteUpdate(NoteWriting, generic.UpdateView):
    """Edit a note."""

    permission_required = "notes.change_note"
    done = "“{title}” was changed."


class NoteDelete(NotePage, generic.DeleteView):
    """Tear a note out, after asking."""

    permission_required = "notes.delete_note"
    success_url = reverse_lazy("notes:list")

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete, and say so."""
        title = self.object.title
        response = super().form_valid(form)
        messages.success(self.request, f"“{title}” was deleted.")
        return response
