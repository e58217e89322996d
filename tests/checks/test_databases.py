"""`check --database`: the index that linking by email needs."""

import io
import re
import runpy
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

from django_cognito.checks import check_database
from django_cognito.checks.databases import is_usable
from tests.support import source
from tests.support.check_messages import change_cognito, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def linking(settings: Any) -> None:
    """Link by verified email."""
    change_cognito(settings, LINK_BY_VERIFIED_EMAIL=True)


def found_ids(databases: list[str] | None) -> list[str]:
    return [str(message.id) for message in check_database(None, databases=databases)]


@pytest.fixture
def index() -> Iterator[Any]:
    """Return a function that creates an index on the users, until the end of the test."""

    def create(expression: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE INDEX test_email_index ON auth_user {expression}")

    yield create
    if connection.vendor == "mysql":  # its DDL ends the transaction of the test
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX test_email_index ON auth_user")


@pytest.mark.needs("database_server")
def test_linking_by_email_without_an_index_is_a_warning() -> None:
    (message,) = check_database(None, databases=["default"])
    assert message.id == "django_cognito.W131"
    assert "reads all users" in message.msg
    assert "models.Index(Upper('email'), name='user_upper_email')" in text_of(message)
    assert "docs/deployment.md, 'At size'" in text_of(message)


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize(
    ("expression", "is_usable"),
    [
        ("(UPPER(email))", True),
        ("(UPPER(email), id)", True),
        ("(UPPER(email) varchar_pattern_ops)", True),
        ("(email)", False),
        ("(LOWER(email))", False),
        ("(id, UPPER(email))", False),
        ("(UPPER(username))", False),
        ("(UPPER(email)) WHERE is_active", False),
    ],
)
def test_only_an_index_that_the_query_uses_is_accepted(index: Any, expression: str, is_usable: bool) -> None:
    index(expression)
    assert found_ids(["default"]) == ([] if is_usable else ["django_cognito.W131"])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = User.objects.filter(email__iexact="a@example.com").explain()
    uses_index = "Index Cond: (upper((email)" in plan
    assert uses_index is (is_usable or expression == "(id, UPPER(email))")  # the latter reads the whole index


@pytest.mark.needs("postgresql")
def test_migration_of_the_documentation_adds_the_index() -> None:
    page = (source.PROJECT_DIRECTORY / "docs" / "deployment.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n([^`]*UPPER[^`]*)^```", page, re.M)
    namespace: dict[str, Any] = {"__name__": "a_migration"}
    exec(block, namespace)
    (operation,) = namespace["Migration"].operations
    with connection.cursor() as cursor:
        cursor.execute(operation.sql.replace(" CONCURRENTLY", ""))  # a test has a transaction
        assert found_ids(["default"]) == []
        cursor.execute(operation.reverse_sql)
    assert found_ids(["default"]) == ["django_cognito.W131"]


@pytest.mark.needs("postgresql")
def test_migration_of_the_example_adds_the_index() -> None:
    migration = runpy.run_path(str(source.path_of("example_project/notes/migrations/0003_index_on_email.py")))
    with connection.schema_editor() as editor:
        migration["create_index"](None, editor)
        assert found_ids(["default"]) == []
        migration["drop_index"](None, editor)
    assert found_ids(["default"]) == ["django_cognito.W131"]


@pytest.mark.needs("mariadb")
@pytest.mark.parametrize(("expression", "is_usable"), [("(email)", True), ("(username, email)", False)])
def test_index_of_the_column_is_accepted_on_mariadb(index: Any, expression: str, is_usable: bool) -> None:
    index(expression)
    assert found_ids(["default"]) == ([] if is_usable else ["django_cognito.W131"])


@pytest.mark.parametrize(
    ("columns", "expected"), [(["email"], True), (["email", "id"], True), (["id", "email"], False)]
)
def test_index_of_the_column_is_usable_by_mysql(columns: list[str], expected: bool) -> None:
    assert is_usable("mysql", {"columns": columns}, "email") is expected


def test_sqlite_is_not_read(monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any) -> None:
    monkeypatch.setattr(connection, "vendor", "sqlite")
    with django_assert_num_queries(0):
        assert found_ids(["default"]) == []


@pytest.mark.needs("sqlite")
def test_sqlite_uses_no_index_and_gets_no_warning() -> None:
    assert found_ids(["default"]) == []


@pytest.mark.parametrize("databases", [None, [], ["other"]])
def test_other_databases_are_not_read(databases: Any, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert found_ids(databases) == []


@pytest.mark.parametrize("changes", [{"LINK_BY_VERIFIED_EMAIL": False}, {"CLIENT_ID": ""}])
def test_database_is_not_read_without_linking(
    settings: Any, changes: dict[str, Any], django_assert_num_queries: Any
) -> None:
    change_cognito(settings, **changes)
    with django_assert_num_queries(0):
        assert found_ids(["default"]) == []


def test_model_without_an_email_field_has_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(User, "EMAIL_FIELD", "mail")
    assert found_ids(["default"]) == []


def test_table_that_does_not_exist_yet_has_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(User._meta, "db_table", "users_after_migrate")
    assert found_ids(["default"]) == []


@pytest.mark.needs("database_server")
def test_check_command_with_a_database_reports_the_index() -> None:
    errors = io.StringIO()
    call_command("check", databases=["default"], stderr=errors)
    assert "django_cognito.W131" in errors.getvalue()


# Service users


@pytest.fixture
def importer(settings: Any) -> User:
    """Return the user of SERVICE_USERS."""
    change_cognito(settings, LINK_BY_VERIFIED_EMAIL=False, SERVICE_USERS={settings.COGNITO["CLIENT_ID"]: "importer"})
    return User.objects.create_user("importer")


@pytest.mark.mistake("user of SERVICE_USERS missing, inactive, staff, a superuser or linked", by="check")
@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"username": "another"}, "there is no such user, or it is linked to a Cognito user"),
        ({"is_staff": True}, "the user is staff or a superuser"),
        ({"is_superuser": True}, "the user is staff or a superuser"),
        ({"is_active": False}, "the user is inactive"),
    ],
)
def test_service_user_that_cannot_be_used_is_a_warning(importer: User, fields: dict[str, Any], problem: str) -> None:
    assert found_ids(["default"]) == []
    User.objects.update(**fields)
    (message,) = check_database(None, databases=["default"])
    assert message.id == "django_cognito.W137"
    assert f"to 'importer': {problem}." in message.msg
    assert "neither staff nor superuser" in text_of(message)


def test_service_users_are_not_read_before_their_table_exists(importer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    importer.delete()
    assert found_ids(["other"]) == []
    monkeypatch.setattr(User._meta, "db_table", "users_after_migrate")
    assert found_ids(["default"]) == []
