"""The notes pages. Access depends on Django's permissions only."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views import generic

from django_cognito.decorators import recent_sign_in_required
from django_cognito.mixins import LiveCheckRequiredMixin
from files import bucket

from .forms import NoteForm
from .models import Note


class NoteMixin(PermissionRequiredMixin):
    """The base of all notes pages."""

    def get_queryset(self) -> QuerySet[Note]:
        """Return the notes with their authors, in one query."""
        return Note.objects.select_related("author")


class NoteListView(NoteMixin, generic.ListView):
    """List all notes, most recent first."""

    permission_required = "notes.view_note"
    paginate_by = 10


class NoteDetailView(NoteMixin, generic.DetailView):
    """Show one note."""

    permission_required = "notes.view_note"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add whether the user is the author and whether file storage is configured. Send no request to AWS."""
        is_author = self.object.author_id == self.request.user.pk
        return super().get_context_data(is_author=is_author, has_files=bucket.is_configured(), **kwargs)


class NoteFormMixin(NoteMixin):
    """The base of the pages that create and edit a note: the form and the message after it was saved."""

    form_class = NoteForm
    template_name = "notes/note_form.html"
    success_message = ""

    @property
    def draft_key(self) -> str:
        """The key of the note's draft, see static/drafts.js."""
        return f"note-{self.object.pk}" if self.object else "new"

    def form_valid(self, form: NoteForm) -> HttpResponse:
        """Save the note and show a message. Its extra tag is the draft's key: drafts.js then deletes the draft."""
        draft_key = self.draft_key
        response = super().form_valid(form)
        message = self.success_message.format(title=form.instance.title)
        messages.success(self.request, message, extra_tags=draft_key)
        return response


class NoteCreateView(NoteFormMixin, generic.CreateView):
    """Create a note."""

    permission_required = "notes.add_note"
    success_message = "“{title}” was saved."

    def form_valid(self, form: NoteForm) -> HttpResponse:
        """Set the author to the user of the request."""
        form.instance.author = self.request.user
        return super().form_valid(form)


class NoteUpdateView(NoteFormMixin, generic.UpdateView):
    """Edit a note."""

    permission_required = "notes.change_note"
    success_message = "“{title}” was changed."


# On the page with the form too: the user signs in again before the form is sent.
@method_decorator(recent_sign_in_required(600), name="dispatch")
class NoteDeleteView(LiveCheckRequiredMixin, NoteMixin, generic.DeleteView):
    """Delete a note, if the user signed in in the last ten minutes and is not disabled in Cognito.

    GET shows a confirmation page.
    """

    permission_required = "notes.delete_note"
    success_url = reverse_lazy("notes:list")

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete the note and show a message."""
        title = self.object.title
        response = super().form_valid(form)
        messages.success(self.request, f"“{title}” was deleted.")
        return response
