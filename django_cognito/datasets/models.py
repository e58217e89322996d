"""The tables of datasets, their records, and the operations of the last day. Must not depend on requests."""

import hashlib
import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..models import ExactCharField

NAME_LENGTH = 128  # of a dataset and of an operation id


class Dataset(models.Model):
    """A dataset of a user. Its row is locked by each write, and is never deleted before its user."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="cognito_datasets",
        db_index=False,  # the constraint begins with it
        verbose_name=_("user"),
    )
    name = ExactCharField(_("name"), max_length=NAME_LENGTH)
    sync_count = models.PositiveBigIntegerField(_("sync count"), default=0)  # of the last write; never decreases
    # The largest count of a deletion that was removed: a client at a lower count has missed it.
    removed_count = models.PositiveBigIntegerField(default=0, editable=False)
    # Of the records that are not deleted.
    record_count = models.PositiveIntegerField(_("records"), default=0)
    byte_count = models.PositiveBigIntegerField(_("bytes"), default=0)
    deletion_count = models.PositiveIntegerField(default=0, editable=False)
    answer_bytes = models.PositiveBigIntegerField(default=0, editable=False)  # of the stored operations
    modified_at = models.DateTimeField(_("modified"))
    cleaned_at = models.DateTimeField(editable=False)  # when deletions and operations were last removed

    class Meta:
        verbose_name = _("dataset")
        verbose_name_plural = _("datasets")
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="cognito_datasets_user_name")]

    def __str__(self) -> str:
        return self.name


class Record(models.Model):
    """A record of a dataset; without a value it is a deletion."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="records", db_index=False)
    # SHA-256 of the key in hex: MariaDB has no index for 1,024 characters, and by default compares without case.
    key_digest = models.CharField(max_length=64, editable=False)
    key = models.TextField()
    # JSON as text: the JSON types of databases change numbers and the order of members, or refuse characters.
    value = models.TextField(null=True)  # noqa: DJ001 - NULL is a deletion; an empty text is no JSON
    byte_count = models.PositiveBigIntegerField(default=0)
    sync_count = models.PositiveBigIntegerField()
    modified_at = models.DateTimeField()
    device_time = models.CharField(max_length=40, blank=True, default="")  # as the device sent it; never compared

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dataset", "key_digest"], name="cognito_datasets_record_key")]
        indexes = [models.Index(fields=["dataset", "sync_count"], name="cognito_datasets_record_count")]

    def __str__(self) -> str:
        return f"record {self.pk}"


class Operation(models.Model):
    """A write of the last day and its answer, which a repeated request gets again."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="operations", db_index=False)
    operation_id = ExactCharField(max_length=NAME_LENGTH)
    digest = models.CharField(max_length=64)  # SHA-256 of the request in hex
    answer = models.TextField()
    answer_bytes = models.PositiveIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "operation_id"], name="cognito_datasets_operation_id")
        ]
        indexes = [models.Index(fields=["dataset", "created_at"], name="cognito_datasets_created")]

    def __str__(self) -> str:
        return f"operation {self.pk}"


def digest_text(text: str) -> str:
    """Return the SHA-256 of `text` in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
