"""The migration that gives the moment of the last run a table of its own."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from django_cognito.models import CognitoConfirmation

APP = "django_cognito"


@pytest.mark.django_db(transaction=True)
def test_moments_of_complete_runs_survive() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    executor = MigrationExecutor(connection)
    latest = [node for node in executor.loader.graph.leaf_nodes() if node[0] == APP]
    executor.migrate([(APP, "0010_listed_digest")])
    try:
        runs = executor.loader.project_state([(APP, "0010_listed_digest")]).apps.get_model(APP, "CognitoSync")
        runs.objects.create(user_pool_id="eu-west-1_TestPool1", confirmed_at=moment)
        runs.objects.create(user_pool_id="eu-west-1_TestPool2")
    finally:
        MigrationExecutor(connection).migrate(latest)
    stored = dict(CognitoConfirmation.objects.values_list("user_pool_id", "confirmed_at"))
    assert stored == {"eu-west-1_TestPool1": moment, "eu-west-1_TestPool2": None}
