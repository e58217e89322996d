from typing import Any

from django.apps.registry import Apps
from django.db import migrations, models, router
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from ..models import ExactCharField


def copy_moments(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the confirmation of each pool that a run has synchronized."""
    runs, confirmations = _get_rows(apps, schema_editor)
    if runs is not None:
        moments = runs.values_list("user_pool_id", "confirmed_at")
        confirmations.bulk_create(confirmations.model(user_pool_id=pool, confirmed_at=moment) for pool, moment in moments)


def copy_moments_back(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Set the moments of the runs to those of the confirmations."""
    runs, confirmations = _get_rows(apps, schema_editor)
    for pool, moment in confirmations.values_list("user_pool_id", "confirmed_at") if runs is not None else ():
        runs.filter(user_pool_id=pool).update(confirmed_at=moment)


def _get_rows(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> tuple[Any, Any]:
    """Return the rows of both tables; None if a router keeps the tables out of this database."""
    using = schema_editor.connection.alias
    both: list[Any] = [apps.get_model("django_cognito", name) for name in ("CognitoSync", "CognitoConfirmation")]
    if not all(router.allow_migrate_model(using, model) for model in both):
        return None, None
    runs, confirmations = (model.objects.using(using) for model in both)
    return runs, confirmations


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
        migrations.RunPython(copy_moments, copy_moments_back),
        migrations.RemoveField(model_name="cognitosync", name="confirmed_at"),
    ]
