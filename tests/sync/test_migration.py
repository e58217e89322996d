"""The migration that gives the moment of the last run a table of its own."""

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.db.backends.sqlite3.schema import DatabaseSchemaEditor
from django.db.migrations.executor import MigrationExecutor

from django_cognito.models import CognitoConfirmation, CognitoSync

APP, BEFORE = "django_cognito", "0010_listed_digest"
_migration = import_module("django_cognito.migrations.0011_confirmation")
copy_moments, copy_moments_back = _migration.copy_moments, _migration.copy_moments_back


@pytest.mark.django_db(transaction=True)
def test_moments_of_complete_runs_survive() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    executor = MigrationExecutor(connection)
    latest = [node for node in executor.loader.graph.leaf_nodes() if node[0] == APP]
    pools = {"eu-west-1_TestPool1": moment, "eu-west-1_TestPool2": None}
    for pool, confirmed_at in pools.items():
        CognitoSync.objects.create(user_pool_id=pool)
        CognitoConfirmation.objects.create(user_pool_id=pool, confirmed_at=confirmed_at)
    executor.migrate([(APP, BEFORE)])
    try:
        runs = executor.loader.project_state([(APP, BEFORE)]).apps.get_model(APP, "CognitoSync")
        assert dict(runs.objects.values_list("user_pool_id", "confirmed_at")) == pools
    finally:
        MigrationExecutor(connection).migrate(latest)
    assert dict(CognitoConfirmation.objects.values_list("user_pool_id", "confirmed_at")) == pools


class OtherDatabaseRouter:
    """Keeps the tables of the package out of this database, model by model."""

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool | None:
        """Return False for the models of the package; None, for Django's default, if no model is named."""
        return False if app_label == APP and model_name is not None else None


@pytest.mark.django_db(transaction=True)
def test_migration_without_its_tables_does_nothing(settings: Any, tmp_path: Path) -> None:
    settings.DATABASE_ROUTERS = [OtherDatabaseRouter()]
    entry = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "other.sqlite3")}
    other = DatabaseWrapper({**connection.settings_dict, **entry, "OPTIONS": {}, "TIME_ZONE": None}, alias="other")
    try:
        for migrate in (copy_moments, copy_moments_back):
            migrate(apps, DatabaseSchemaEditor(other))
    finally:
        other.close()
