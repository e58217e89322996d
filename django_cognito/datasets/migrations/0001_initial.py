import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from django_cognito.models import ExactCharField


class Migration(migrations.Migration):
    initial = True

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Dataset",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", ExactCharField(max_length=128, verbose_name="name")),
                ("sync_count", models.PositiveBigIntegerField(default=0, verbose_name="sync count")),
                ("removed_count", models.PositiveBigIntegerField(default=0, editable=False)),
                ("record_count", models.PositiveIntegerField(default=0, verbose_name="records")),
                ("byte_count", models.PositiveBigIntegerField(default=0, verbose_name="bytes")),
                ("deletion_count", models.PositiveIntegerField(default=0, editable=False)),
                ("answer_bytes", models.PositiveBigIntegerField(default=0, editable=False)),
                ("modified_at", models.DateTimeField(verbose_name="modified")),
                ("cleaned_at", models.DateTimeField(editable=False)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="cognito_datasets",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "dataset",
                "verbose_name_plural": "datasets",
                "constraints": [
                    models.UniqueConstraint(fields=("user", "name"), name="cognito_datasets_user_name"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Operation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("operation_id", ExactCharField(max_length=128)),
                ("digest", models.CharField(max_length=64)),
                ("answer", models.TextField()),
                ("answer_bytes", models.PositiveIntegerField()),
                ("created_at", models.DateTimeField()),
                (
                    "dataset",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="operations",
                        to="cognito_datasets.dataset",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["dataset", "created_at"], name="cognito_datasets_created")],
                "constraints": [
                    models.UniqueConstraint(fields=("dataset", "operation_id"), name="cognito_datasets_operation_id"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Record",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key_digest", models.CharField(editable=False, max_length=64)),
                ("key", models.TextField()),
                ("value", models.TextField(null=True)),
                ("byte_count", models.PositiveBigIntegerField(default=0)),
                ("sync_count", models.PositiveBigIntegerField()),
                ("modified_at", models.DateTimeField()),
                ("device_time", models.CharField(blank=True, default="", max_length=40)),
                (
                    "dataset",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="records",
                        to="cognito_datasets.dataset",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["dataset", "sync_count"], name="cognito_datasets_record_count")],
                "constraints": [
                    models.UniqueConstraint(fields=("dataset", "key_digest"), name="cognito_datasets_record_key"),
                ],
            },
        ),
    ]
