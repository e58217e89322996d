"""Digests of field values: equal for the forms of one value, different for different values. No tables."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import models
from django.db.models import Value
from django.db.models.functions import Upper
from django.test.utils import isolate_apps

from django_cognito.users.attributes.field_values import hash_field

PARIS = timezone(timedelta(hours=1))
MOMENT = datetime(2026, 11, 30, 8, tzinfo=UTC)


class ReversedField(models.CharField):
    """A text field that is stored in another form."""

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        return value[::-1]

    def from_db_value(self, value: str, *_: Any) -> str:
        return value[::-1]


class SealedField(ReversedField):
    """A text field that is stored as bytes, which its converter expects in the type of the driver."""

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        return memoryview(value.encode())

    def from_db_value(self, value: Any, *_: Any) -> str:
        raise TypeError("not the type of the driver")


def hash_value(field: models.Field, value: Any) -> str:
    """Return the digest of a value of this field in a new row."""
    with isolate_apps():
        meta = type("Meta", (), {"app_label": "custom_users"})
        model: Any = type("IsolatedRow", (models.Model,), {"Meta": meta, "__module__": __name__, "claim": field})
    return hash_field(model(claim=value), "claim")


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (models.DecimalField(), [Decimal("12.5"), Decimal("12.500"), 12.5]),
        (models.DecimalField(), [Decimal("100"), Decimal("1E+2"), 100, 100.0]),
        (models.FloatField(), [0.0, -0.0, 0]),
        (models.FloatField(), [float("nan")]),
        (models.DateTimeField(), [MOMENT, MOMENT.astimezone(PARIS)]),
        (models.DateTimeField(), [datetime(2026, 11, 30, 8)]),  # noqa: DTZ001 - with USE_TZ = False
        (models.DateField(), [date(2026, 11, 30), "2026-11-30"]),
        (models.UUIDField(), [UUID(int=5), str(UUID(int=5))]),
        (models.BinaryField(), [b"a", bytearray(b"a"), memoryview(b"a")]),
        (models.JSONField(), [{"a": [1, 2.0], "b": None}, {"b": None, "a": (1.0, 2)}]),
        (models.JSONField(), [1e300, 10**300]),
        (models.FileField(), ["a.png"]),
        (ReversedField(), ["abc"]),
        (SealedField(), ["abc"]),
        (models.CharField(), [Upper(Value("a")), Upper(Value("a"))]),
    ],
    ids=lambda item: type(item).__name__ if isinstance(item, models.Field) else "",
)
def test_forms_of_one_value_have_one_digest(field: models.Field, values: list[Any]) -> None:
    digests = {hash_value(field, value) for value in values}
    assert len(digests) == 1
    assert all(len(digest) == 16 for digest in digests)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (models.CharField(), ["a", "A", "a ", "", None, Upper(Value("a"))]),
        (models.BooleanField(), [True, False, None]),
        (
            models.DecimalField(),
            [Decimal("12.5"), Decimal("12.501"), Decimal("-12.5"), Decimal("125"), Decimal("1250")],
        ),
        (models.DateTimeField(), [MOMENT, MOMENT.replace(microsecond=1), MOMENT.replace(tzinfo=PARIS)]),
        (models.JSONField(), [{}, [], {"a": 1}, {"a": True}, {"a": None}, {"a": [1]}, {"a": [1, 2]}, "a"]),
        (ReversedField(), ["abc", "cba"]),
        (SealedField(), ["abc", "cba"]),
    ],
    ids=lambda item: type(item).__name__ if isinstance(item, models.Field) else "",
)
def test_different_values_have_different_digests(field: models.Field, values: list[Any]) -> None:
    assert len({hash_value(field, value) for value in values}) == len(values)
