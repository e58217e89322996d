"""The pages of field stations. `request.cognito.tenant` is the station of the URL if the user is a member of it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin, PermissionRequiredMixin
from django.db.models import QuerySet
from django.http import HttpResponse
from django.views import generic

from .models import StationNote


class StationListView(LoginRequiredMixin, generic.TemplateView):
    """List the stations of the user."""

    template_name = "stations/station_list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add all tenants of the user."""
        return super().get_context_data(stations=sorted(self.request.cognito.tenants), **kwargs)


class StationMixin(PermissionRequiredMixin):
    """The base of the pages of one station. Permissions of TENANT_GROUPS count in this station only."""

    def has_permission(self) -> bool:
        """Require a station, of superusers too: they have every permission, but are not members."""
        return self.request.cognito.tenant is not None and super().has_permission()

    def get_queryset(self) -> QuerySet[StationNote]:
        """Return the notes of this station with their authors, in one query."""
        return StationNote.objects.filter(station=self.request.cognito.tenant).select_related("author")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the station."""
        return super().get_context_data(station=self.request.cognito.tenant, **kwargs)


class NoteListView(StationMixin, generic.ListView):
    """List the notes of the station, most recent first."""

    permission_required = "stations.view_stationnote"
    template_name = "stations/note_list.html"
    paginate_by = 10


class NoteDetailView(StationMixin, generic.DetailView):
    """Show one note of the station."""

    permission_required = "stations.view_stationnote"
    template_name = "stations/note_detail.html"


class NoteFormMixin(StationMixin):
    """The base of the pages that create and edit a note: the form and the message after it was saved."""

    model = StationNote
    fields = ("title", "observed_on", "body")
    template_name = "stations/note_form.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """Save the note and show a message."""
        response = super().form_valid(form)
        messages.success(self.request, f"“{form.instance.title}” was saved.")
        return response


class NoteCreateView(NoteFormMixin, generic.CreateView):
    """Create a note."""

    permission_required = "stations.add_stationnote"

    def form_valid(self, form: Any) -> HttpResponse:
        """Set the station and the author. Neither is a field of the form."""
        form.instance.station = self.request.cognito.tenant
        form.instance.author = self.request.user
        return super().form_valid(form)


class NoteUpdateView(NoteFormMixin, generic.UpdateView):
    """Edit a note."""

    permission_required = "stations.change_stationnote"
