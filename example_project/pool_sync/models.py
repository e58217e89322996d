"""The model of a synchronization. Its progress is in the database, because any process of the site may show it."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

# django_cognito repeats a request that AWS throttles for about a minute and a half. Until then there is no progress.
_SILENT_MAX = timedelta(minutes=3)


class SyncRun(models.Model):
    """A synchronization that a user has started. `outcome` is empty while it runs."""

    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    started_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    outcome = models.CharField(max_length=40, blank=True)  # "done", "failed" or the code of a CognitoError
    report = models.JSONField(default=dict)  # the counts of SyncReport
    created_users = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}: {self.state}"

    @property
    def state(self) -> str:
        """The outcome, or "running", or "interrupted" if the process was stopped before it could store an outcome."""
        is_silent = self.updated_at < timezone.now() - _SILENT_MAX
        return self.outcome or ("interrupted" if is_silent else "running")

    @property
    def counts(self) -> dict[str, Any]:
        """The users that were read, by what the run did with them, each with its heading."""
        users, changed = self.report["users"], self.report["changed"]
        return {
            "Users": users,
            "Created": self.created_users,
            "Changed": changed - self.created_users,
            "Unchanged": users - changed,
            "Disabled or enabled": self.report["disabled"],
        }
