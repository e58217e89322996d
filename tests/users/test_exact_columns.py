"""The columns that hold Cognito's names compare exactly on MariaDB, in new databases and in migrated ones."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from django_cognito.models import CognitoMembership, CognitoUser, ExactCharField, FormerLink

APP, BEFORE = "django_cognito", "0003_linking_history_and_retries"
COLUMNS = [
    (model._meta.db_table, name)
    for model, names in (
        (CognitoUser, ("user_pool_id", "sub", "identity_pool_id")),
        (FormerLink, ("user_pool_id", "sub")),
        (CognitoMembership, ("name",)),
    )
    for name in names
]


def _collations() -> set[str]:
    sql = "SELECT collation_name FROM information_schema.columns WHERE (table_schema, table_name, column_name) = "
    collations = set()
    with connection.cursor() as cursor:
        for table, column in COLUMNS:
            cursor.execute(f"{sql} (DATABASE(), %s, %s)", [table, column])
            collations.add(cursor.fetchone()[0])
    return collations


@pytest.fixture
def old_models() -> Iterator[Any]:
    """Migrate back to the state before exact columns, yield its models, and migrate to the latest state."""
    executor = MigrationExecutor(connection)
    latest = [node for node in executor.loader.graph.leaf_nodes() if node[0] == APP]
    executor.migrate([(APP, BEFORE)])
    yield executor.loader.project_state([(APP, BEFORE)]).apps
    executor = MigrationExecutor(connection)
    executor.migrate(latest)


@pytest.mark.needs("mariadb")
@pytest.mark.django_db
def test_new_columns_have_a_binary_collation_that_does_not_pad() -> None:
    assert _collations() == {"utf8mb4_nopad_bin"}


@pytest.mark.needs("mariadb")
@pytest.mark.django_db(transaction=True)
def test_migrated_columns_have_the_collation_and_their_rows(old_models: Any) -> None:
    assert _collations() != {"utf8mb4_nopad_bin"}
    user = User.objects.create(username="alice")
    link = old_models.get_model(APP, "CognitoUser").objects.create(
        user_id=user.pk, user_pool_id="eu-west-1_TestPool1", sub="ABC", username="alice", as_of=timezone.now()
    )
    old_models.get_model(APP, "CognitoMembership").objects.create(cognito_user=link, name="Editors")
    executor = MigrationExecutor(connection)
    executor.migrate([node for node in executor.loader.graph.leaf_nodes() if node[0] == APP])
    assert _collations() == {"utf8mb4_nopad_bin"}
    assert CognitoUser.objects.get(sub="ABC").memberships.get(name="Editors").cognito_user.user == user
    assert not CognitoUser.objects.filter(sub="abc").exists()


def test_field_has_the_collation_of_each_database(monkeypatch: pytest.MonkeyPatch) -> None:
    field = ExactCharField(max_length=10)
    assert field.deconstruct()[1:] == ("django_cognito.models.ExactCharField", [], {"max_length": 10})
    for vendor, is_mariadb, expected in (
        ("mysql", True, "utf8mb4_nopad_bin"),
        ("mysql", False, "utf8mb4_0900_bin"),
        ("postgresql", False, None),
        ("sqlite", False, None),
    ):
        database = connections["default"]
        monkeypatch.setattr(database, "vendor", vendor)
        monkeypatch.setattr(database, "mysql_is_mariadb", is_mariadb, raising=False)
        assert field.db_parameters(database).get("collation") == expected
