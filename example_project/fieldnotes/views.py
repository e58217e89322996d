"""The home page and the profile page."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import Permission
from django.http import HttpRequest
from django.utils import timezone
from django.utils.timesince import timesince, timeuntil
from django.views.generic import TemplateView

from notes.models import Note


class HomeView(TemplateView):
    """The home page, with the latest notes if the user has the permission to view notes."""

    template_name = "home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the latest notes. For an anonymous user, the page makes no query."""
        can_view = self.request.user.has_perm("notes.view_note")
        latest_notes = Note.objects.select_related("author")[:3] if can_view else []
        return super().get_context_data(latest_notes=latest_notes, **kwargs)


@dataclass(frozen=True)
class LoginTime:
    """A time of the login, for example when the token expires. `at` is None if the token has no such claim."""

    name: str
    at: datetime | None
    meaning: str

    @property
    def relative_time(self) -> str:
        """The time relative to now, for example "in 5 minutes"."""
        if self.at is None:
            return ""
        now = timezone.now()
        if abs(self.at - now) < timedelta(minutes=1):
            return "just now" if self.at <= now else "within a minute"
        return f"{timesince(self.at, now)} ago" if self.at < now else f"in {timeuntil(self.at, now)}"


class ProfileView(LoginRequiredMixin, TemplateView):
    """The profile page ("Me"): the user's groups, permissions and the times of the login."""

    template_name = "me.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the groups, the token and its times from `request.cognito`; the permissions are Django's."""
        return super().get_context_data(
            token=self.request.cognito.token,
            groups=self.request.cognito.groups,
            stations=self.request.cognito.tenants,
            permissions=get_permissions(self.request),
            login_times=get_login_times(self.request),
            **kwargs,
        )


def get_permissions(request: HttpRequest) -> list[Permission]:
    """Return the permissions of the user, as rows of Django's permission table."""
    labels = request.user.get_all_permissions()  # "notes.view_note"
    codenames = {label.partition(".")[2] for label in labels}
    candidates = Permission.objects.filter(codename__in=codenames).select_related("content_type")
    return [
        permission
        for permission in candidates
        if f"{permission.content_type.app_label}.{permission.codename}" in labels
    ]


def get_login_times(request: HttpRequest) -> list[LoginTime]:
    """Return the times of the login and of its token, in order. Return none for a user without a Cognito login."""
    token = request.cognito.token
    if token is None:
        return []
    session_expires_at = request.session.get_expiry_date()
    return [
        LoginTime(
            "You signed in", token.auth_time, "You authenticated at this time. A token refresh does not change it."
        ),
        LoginTime("Token issued", token.issued_at, "The token contains your groups as they were at this time."),
        LoginTime("Token expires", token.expires_at, "Fieldnotes refreshes the token shortly before this time."),
        LoginTime("Session expires", session_expires_at, "After this time you must sign in again."),
    ]
