"""The model of a note."""

import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.urls import reverse
from django.utils import timezone


def validate_not_in_future(day: datetime.date) -> None:
    """Raise ValidationError if `day` is in the future."""
    if day > timezone.localdate():
        raise ValidationError("The date must not be in the future.", code="future")


class Note(models.Model):
    """A note about an observation."""

    title = models.CharField(max_length=120)
    body = models.TextField("what you saw")
    place = models.CharField(max_length=120, blank=True)
    observed_on = models.DateField(default=timezone.localdate, validators=[validate_not_in_future])
    # A user who has written notes cannot be deleted.
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notes")
    # The S3 key of the photo, under the author's prefix; empty if there is no photo.
    photo_key = models.CharField(max_length=200, blank=True, editable=False)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-observed_on", "-pk"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Return the URL of the note's page."""
        return reverse("notes:detail", args=[self.pk])
