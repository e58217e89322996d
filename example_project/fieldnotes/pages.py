"""The home page, and "me": what Fieldnotes knows about the person who asks."""

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


class HomePage(TemplateView):
    """What Fieldnotes is; with the newest notes for those who may read them."""

    template_name = "home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Read notes only for an authenticated user: the page of an anonymous user needs no query."""
        may_read = self.request.user.has_perm("notes.view_note")
        newest = Note.objects.select_related("author")[:3] if may_read else []
        return super().get_context_data(newest=newest, **kwargs)


@dataclass(frozen=True)
class Moment:
    """One line of "what ends when": what it is, when, and what that means for the person."""

    name: str
    at: datetime | None
    meaning: str

    @property
    def distance(self) -> str:
        """How far it is from now, in words."""
        if self.at is None:
            return ""
        now = timezone.now()
        if abs(self.at - now) < timedelta(minutes=1):
            return "just now" if self.at <= now else "within a minute"
        return f"{timesince(self.at, now)} ago" if self.at < now else f"in {timeuntil(self.at, now)}"


class MePage(LoginRequiredMixin, TemplateView):
    """Profile, groups, permissions, and the times of the token behind this page."""

    template_name = "me.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """All of it comes from the request: the token is not a second source of rights."""
        return super().get_context_data(
            token=self.request.cognito.token,
            groups=self.request.cognito.groups,
            permissions=permissions_of(self.request),
            moments=moments(self.request),
            **kwargs,
        )


def permissions_of(request: HttpRequest) -> list[Permission]:
    """The person's permissions, with the names that Django gives them."""
    held = request.user.get_all_permissions()
    codenames = {name.partition(".")[2] for name in held}
    candidates = Permission.objects.filter(codename__in=codenames).select_related("content_type")
    return [one for one in candidates if f"{one.content_type.app_label}.{one.codename}" in held]


def moments(request: HttpRequest) -> list[Moment]:
    """Return the times of the sign-in and of the tokens, in order; empty for a user without a Cognito login."""
    token = request.cognito.token
    if token is None:
        return []
    session_ends = request.session.get_expiry_date()
    return [
        Moment("You signed in", token.auth_time, "You gave your password then. Renewing a token does not change it."),
        Moment("Token issued", token.issued_at, "Your groups are known as they were at this moment."),
        Moment("Token ends", token.expires_at, "Fieldnotes fetches a new one shortly before; you will not notice."),
        Moment("Session ends", session_ends, "Come back before then and you need not sign in again."),
    ]
