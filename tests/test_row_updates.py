"""One UPDATE for the values of many rows: column types, names, and values that do not fit."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from django.apps.registry import Apps
from django.contrib.auth.models import User
from django.db import DataError, connection, models, transaction
from psycopg.types.json import Jsonb

from django_cognito.db.arrays import build_array, match_any
from django_cognito.db.row_updates import update_rows

pytestmark = [pytest.mark.django_db, pytest.mark.needs("database_server")]
_apps = Apps()


class Code(models.CharField):  # type: ignore[type-arg]
    """Text in a column of fixed length, which a cast without the length would cut."""

    def db_type(self, connection: Any) -> str:
        """Return the type of the column."""
        return "char(2)"


class LocalMoment(models.DateTimeField):  # type: ignore[type-arg]
    """A moment in a column that stores no offset."""

    def db_type(self, connection: Any) -> str:
        """Return the type of the column."""
        return "timestamp" if connection.vendor == "postgresql" else "datetime(6)"


class New(models.Model):
    """A model whose names are words of SQL."""

    code = Code(max_length=2, default="")
    order = models.CharField(max_length=20, db_column="Order by")
    price = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    data = models.JSONField(null=True)
    ratio = models.FloatField(null=True)
    number = models.IntegerField(null=True)
    is_new = models.BooleanField(null=True)
    at = models.DateTimeField(null=True)
    local_at = LocalMoment(null=True)
    day = models.DateField(null=True)
    hour = models.TimeField(null=True)
    token = models.UUIDField(null=True)
    blob = models.BinaryField(null=True)

    class Meta:
        app_label = "tests"
        apps = _apps
        db_table = "new"

    def __str__(self) -> str:
        return self.order


@pytest.fixture
def table(db: None) -> Iterator[None]:
    with connection.schema_editor(atomic=False) as editor:
        editor.create_model(New)
    yield
    with connection.schema_editor(atomic=False) as editor:
        editor.delete_model(New)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("count", [1, 2])
def test_text_that_is_too_long_is_refused_and_not_cut(number: int, count: int) -> None:
    users = [User.objects.create(username=str(item)) for item in range(count)]
    users[number % count].first_name = "x" * 151
    with pytest.raises(DataError), transaction.atomic():
        update_rows("default", [(user, ["first_name"]) for user in users])
    assert set(User.objects.values_list("first_name", flat=True)) == {""}


@pytest.mark.django_db(transaction=True)
def test_names_and_types_are_those_of_the_columns(table: None) -> None:
    values: list[dict[str, Any]] = [
        {"order": "a", "price": None, "data": {"x": [1, None]}},
        {"order": "é'\"%\\{},", "price": "12.30", "data": None},
        {"order": "", "price": "0.50", "data": "NULL"},
        {"order": "NULL", "price": None, "data": {'"\\n\n': "\\'é"}},
    ]
    rows = [New.objects.create(order="") for _ in values]
    for row, value in zip(rows, values, strict=True):
        vars(row).update(value)
    with transaction.atomic():
        update_rows("default", [(row, ["order", "price", "data"]) for row in rows])
    stored = list(New.objects.order_by("pk").values("order", "price", "data"))
    assert [{**row, "price": row["price"] and str(row["price"])} for row in stored] == values


@pytest.mark.django_db(transaction=True)
def test_values_of_all_types_are_written_exactly(table: None) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    values: list[dict[str, Any]] = [
        {"ratio": 0.1, "is_new": True, "at": moment, "day": moment.date(), "hour": moment.time(), "token": None},
        {"ratio": -1e-300, "is_new": False, "at": None, "day": None, "hour": None, "token": UUID(int=1)},
        {"ratio": None, "is_new": None, "at": moment.replace(year=999), "day": None, "hour": None, "token": None},
    ]
    for value, number in zip(values, [-1, 0, 2**31 - 1], strict=True):
        value["number"] = number
    blobs = [b"\0\xff'\\", None, b""]
    rows = [New.objects.create(order="") for _ in values]
    for row, value, blob in zip(rows, values, blobs, strict=True):
        vars(row).update(value, blob=blob)
    with transaction.atomic():
        update_rows("default", [(row, [*values[0]]) for row in rows])
        update_rows("default", [(row, ["blob"]) for row in rows])
    assert list(New.objects.order_by("pk").values(*values[0])) == values
    stored = New.objects.order_by("pk").values_list("blob", flat=True)
    assert [blob if blob is None else bytes(blob) for blob in stored] == blobs


@pytest.mark.django_db(transaction=True)
def test_text_of_a_fixed_length_is_not_cut(table: None) -> None:
    rows = [New.objects.create(order="") for _ in range(2)]
    for row, code in zip(rows, ("de", "fr"), strict=True):
        row.code = code
    with transaction.atomic():
        update_rows("default", [(row, ["code"]) for row in rows])
    assert list(New.objects.order_by("pk").values_list("code", flat=True)) == ["de", "fr"]


@pytest.mark.django_db(transaction=True)
def test_moment_in_a_column_without_time_zone_keeps_its_offset(table: None) -> None:
    rows = [New.objects.create(order="") for _ in range(2)]
    for row in rows:
        row.local_at = datetime(2026, 1, 2, 12, tzinfo=timezone(timedelta(hours=5)))
    with transaction.atomic():
        update_rows("default", [(row, ["local_at"]) for row in rows])
    moments = New.objects.values_list("local_at", flat=True)
    assert {moment and moment.replace(tzinfo=UTC) for moment in moments} == {datetime(2026, 1, 2, 7, tzinfo=UTC)}


@pytest.mark.parametrize("names", [[], ["a"], ['"', "\\", "{,}", "NULL", "é ", "%s"]])
def test_condition_matches_exactly_the_values(names: list[str]) -> None:
    User.objects.bulk_create(User(username=name) for name in [*names, "another", "nul", "\\\\"])
    condition = match_any(User._meta.get_field("username"), names, "default")
    assert set(User.objects.filter(condition).values_list("username", flat=True)) == set(names)


def test_json_without_an_encoder_has_no_plain_text() -> None:
    """As a field of a site may prepare it; Django's own has an encoder."""
    assert build_array([Jsonb(["a"], dumps=json.dumps)]) == r'{"[\"a\"]"}'
    assert build_array([Jsonb(["a"])]) is None
