import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import notes.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Note",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=120)),
                ("body", models.TextField(verbose_name="what you saw")),
                ("place", models.CharField(blank=True, max_length=120)),
                (
                    "observed_on",
                    models.DateField(
                        default=django.utils.timezone.localdate, validators=[notes.models.validate_not_in_future]
                    ),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("updated", models.DateTimeField(auto_now=True)),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ["-observed_on", "-pk"]},
        ),
    ]
