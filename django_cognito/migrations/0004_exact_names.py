from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from ..models import ExactCharField


class AlterFieldOnMySql(migrations.AlterField):
    """Alter a column on MySQL and MariaDB alone: elsewhere it is the same, and SQLite would copy the whole table."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "mysql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        self.database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):

    dependencies = [
        ("django_cognito", "0003_linking_history_and_retries"),
    ]

    operations = [
        AlterFieldOnMySql(
            model_name="cognitomembership",
            name="name",
            field=ExactCharField(db_index=True, max_length=128, verbose_name="Cognito group"),
        ),
        AlterFieldOnMySql(
            model_name="cognitouser",
            name="identity_pool_id",
            field=ExactCharField(blank=True, default="", editable=False, max_length=55),
        ),
        AlterFieldOnMySql(
            model_name="cognitouser",
            name="sub",
            field=ExactCharField(max_length=255, verbose_name="sub"),
        ),
        AlterFieldOnMySql(
            model_name="cognitouser",
            name="user_pool_id",
            field=ExactCharField(max_length=55, verbose_name="user pool"),
        ),
        AlterFieldOnMySql(
            model_name="formerlink",
            name="sub",
            field=ExactCharField(max_length=255, verbose_name="sub"),
        ),
        AlterFieldOnMySql(
            model_name="formerlink",
            name="user_pool_id",
            field=ExactCharField(max_length=55, verbose_name="user pool"),
        ),
    ]
