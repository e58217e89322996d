"""One UPDATE for the values of many rows: column types, names, and values that do not fit."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps.registry import Apps
from django.contrib.auth.models import User
from django.db import DataError, connection, models, transaction

from django_cognito.db.row_updates import update_rows

pytestmark = [pytest.mark.django_db, pytest.mark.needs("database_server")]
_apps = Apps()


class Code(models.CharField):  # type: ignore[type-arg]
    """Text in a column of fixed length, which a cast without the length would cut."""

    def db_type(self, connection: Any) -> str:
        """Return the type of the column."""
        return "char(2)"


class New(models.Model):
    """A model whose names are words of SQL."""

    code = Code(max_length=2, default="")
    order = models.CharField(max_length=10, db_column="Order by")
    price = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    data = models.JSONField(null=True)

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
        {"order": "é'\"%", "price": "12.30", "data": None},
    ]
    rows = [New.objects.create(order="") for _ in values]
    for row, value in zip(rows, values, strict=True):
        vars(row).update(value)
    with transaction.atomic():
        update_rows("default", [(row, ["order", "price", "data"]) for row in rows])
    stored = list(New.objects.order_by("pk").values("order", "price", "data"))
    assert [{**row, "price": row["price"] and str(row["price"])} for row in stored] == values


@pytest.mark.django_db(transaction=True)
def test_text_of_a_fixed_length_is_not_cut(table: None) -> None:
    rows = [New.objects.create(order="") for _ in range(2)]
    for row, code in zip(rows, ("de", "fr"), strict=True):
        row.code = code
    with transaction.atomic():
        update_rows("default", [(row, ["code"]) for row in rows])
    assert list(New.objects.order_by("pk").values_list("code", flat=True)) == ["de", "fr"]
