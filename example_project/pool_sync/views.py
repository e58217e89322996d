"""The page of synchronizations, for users with the permission."""

from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views import generic

from .models import SyncRun
from .runs import start_run


class RunListView(PermissionRequiredMixin, generic.ListView):
    """Show the most recent runs. The page loads `runs.html` again while one is running."""

    permission_required = "pool_sync.view_syncrun"
    queryset = SyncRun.objects.select_related("started_by")[:5]
    context_object_name = "runs"
    template_name = "pool_sync/run_list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add whether a run is running: another one would be refused."""
        context = super().get_context_data(**kwargs)
        return {**context, "is_running": any(run.state == "running" for run in context["runs"])}


class StartView(PermissionRequiredMixin, generic.View):
    """Start a run."""

    permission_required = "pool_sync.add_syncrun"

    def post(self, request: HttpRequest) -> HttpResponse:
        """Start it in the background, and return to the list."""
        start_run(request.user)
        return redirect("pool_sync:list")
