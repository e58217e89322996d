import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import notes.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="StationNote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("station", models.CharField(db_index=True, editable=False, max_length=128)),
                ("title", models.CharField(max_length=120)),
                ("body", models.TextField(verbose_name="what you saw")),
                (
                    "observed_on",
                    models.DateField(
                        default=django.utils.timezone.localdate, validators=[notes.models.validate_not_in_future]
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="station_notes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-observed_on", "-pk"],
            },
        ),
    ]
