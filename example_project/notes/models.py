"""What is kept: notes."""

import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.urls import reverse
from django.utils import timezone


def not_in_the_future(day: datetime.date) -> None:
    """A note tells what was seen; raises ValidationError for a day that has not come."""
    if day > timezone.localdate():
        raise ValidationError("This day has not come yet.", code="future")


class Note(models.Model):
    """A note about an observation outdoors."""

    title = models.CharField(max_length=120)
    body = models.TextField("what you saw")
    place = models.CharField(max_length=120, blank=True)
    observed_on = models.DateField(default=timezone.localdate, validators=[not_in_the_future])
    # A person may leave; what they saw was seen all the same.
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notes")
    # In the bucket, under the author's prefix; empty where there is none.
    photo_key = models.CharField(max_length=200, blank=True, editable=False)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-observed_on", "-pk"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """The note's own page."""
        return reverse("notes:detail", args=[self.pk])
