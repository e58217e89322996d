"""The model of a note of a field station."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from notes.models import validate_not_in_future


class StationNote(models.Model):
    """A note in the notebook of one station."""

    station = models.CharField(max_length=128, editable=False, db_index=True)  # the tenant, see COGNITO["TENANT"]
    title = models.CharField(max_length=120)
    body = models.TextField("what you saw")
    observed_on = models.DateField(default=timezone.localdate, validators=[validate_not_in_future])
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="station_notes")

    class Meta:
        ordering = ["-observed_on", "-pk"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Return the URL of the note's page."""
        return reverse("stations:detail", args=[self.station, self.pk])
