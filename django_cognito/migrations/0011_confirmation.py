from typing import Any

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from ..models import ExactCharField


def copy_moments(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the confirmation of each pool that a run has synchronized."""
    using = schema_editor.connection.alias
    runs: Any = apps.get_model("django_cognito", "CognitoSync")
    model: Any = apps.get_model("django_cognito", "CognitoConfirmation")
    moments = runs.objects.using(using).values_list("user_pool_id", "confirmed_at")
    model.objects.using(using).bulk_create(model(user_pool_id=pool, confirmed_at=moment) for pool, moment in moments)


class Migration(migrations.Migration):
    dependencies = [("django_cognito", "0010_listed_digest")]

    operations = [
        migrations.CreateModel(
            name="CognitoConfirmation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("user_pool_id", ExactCharField(editable=False, max_length=55, unique=True)),
                ("confirmed_at", models.DateTimeField(editable=False, null=True)),
            ],
        ),
        migrations.RunPython(copy_moments, migrations.RunPython.noop, elidable=False),
        migrations.RemoveField(model_name="cognitosync", name="confirmed_at"),
    ]
