"""Mapped claims are written to fields if they are valid. The models of these tests have no tables."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User, UserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower, Now
from django.test.utils import isolate_apps

from django_cognito.users.attributes.fields import (
    clear_field,
    get_email_field,
    normalize_email,
    requires_unique_value,
    set_field_from_claim,
    try_set_unique,
)


def model(*constraints: Any, email: models.Field | None = None, **fields: models.Field) -> Any:
    """Return a user model with these fields and constraints, registered for this test only."""
    with isolate_apps():
        meta = type("Meta", (), {"app_label": "custom_users", "constraints": list(constraints)})
        attributes = {"Meta": meta, "__module__": __name__, "USERNAME_FIELD": "name", **fields}
        return type(
            "IsolatedUser", (AbstractBaseUser,), attributes if email is None else {**attributes, "email": email}
        )


def test_email_field_of_a_model_without_email_is_none() -> None:
    assert get_email_field(model()) is None
    assert get_email_field(User).name == "email"


@pytest.mark.parametrize(
    ("field", "constraints", "expected"),
    [
        (models.EmailField(unique=True), [], True),
        (models.EmailField(), [], False),
        (models.EmailField(unique=True, null=True), [], False),
        (models.EmailField(), [models.UniqueConstraint(fields=["email"], name="a")], True),
        (models.EmailField(), [models.UniqueConstraint(Lower("email"), name="a")], True),
        (models.EmailField(), [models.UniqueConstraint(models.F("email").desc(), name="a")], True),
        (models.EmailField(), [models.UniqueConstraint("email", "name", name="a")], False),
        (models.EmailField(), [models.UniqueConstraint(Lower("email"), "name", name="a")], False),
        (models.EmailField(), [models.UniqueConstraint(fields=["name"], name="a")], False),
        (
            models.EmailField(),
            [models.UniqueConstraint(fields=["email"], condition=~models.Q(email=""), name="a")],
            False,
        ),
        (models.EmailField(), [models.CheckConstraint(condition=~models.Q(email="x"), name="a")], False),
    ],
)
def test_requires_unique_value_by_field_and_constraints(field, constraints, expected) -> None:
    user = model(*constraints, email=field, name=models.CharField(max_length=9))()
    assert requires_unique_value(user, get_email_field(user)) is expected


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (models.CharField(max_length=3), "abcdef", "abc"),
        (models.TextField(), "abcdef", "abcdef"),
        (models.URLField(max_length=12), "https://example.com", None),
        (models.EmailField(max_length=8), "a@example.com", None),
        (models.CharField(max_length=9, choices=[("a", "A")]), "b", None),
        (models.CharField(max_length=9, choices=[("a", "A")]), "a", "a"),
        (models.CharField(max_length=9), 12, "12"),
        (models.CharField(max_length=9), ["a"], None),
        (models.BooleanField(null=True), "True", True),
        (models.BooleanField(null=True), "perhaps", None),
        (models.JSONField(), {"a": [1]}, {"a": [1]}),
        (models.IntegerField(), "7", 7),
        (models.UUIDField(), "no uuid", None),
        (models.UUIDField(), str(UUID(int=5)), UUID(int=5)),
        (models.DecimalField(max_digits=6, decimal_places=2), "12.50", Decimal("12.50")),
        (models.FloatField(), "1.5", 1.5),
        (models.DateField(), "1815-12-10", date(1815, 12, 10)),
        (models.DateField(), "10.12.1815", None),
        (models.DateTimeField(), "2026-11-30T09:00:00+01:00", datetime(2026, 11, 30, 8, tzinfo=UTC)),
        (models.DateTimeField(), 1_796_000_000, datetime(2026, 11, 30, 0, 53, 20, tzinfo=UTC)),
        (models.DateTimeField(), "1796000000", datetime(2026, 11, 30, 0, 53, 20, tzinfo=UTC)),
        (models.DateTimeField(), "9" * 40, None),
        (models.DateTimeField(), True, None),
        (models.DateField(), 12, None),
        (models.TimeField(), 12, None),
        (models.DurationField(), True, None),
        (models.IntegerField(), float("inf"), None),
        (models.JSONField(), '{"a": [1]}', {"a": [1]}),
        (models.JSONField(), '["a"]', ["a"]),
        (models.JSONField(), '{"a": ', '{"a": '),
        (models.JSONField(), "[" * 100_000, "[" * 100_000),
        (models.JSONField(), "12", "12"),
    ],
)
def test_valid_claim_is_written_to_its_field(field, value, expected) -> None:
    field.null = True
    user = model(claim=field)(claim=None)
    assert set_field_from_claim(user, "claim", value) is (expected is not None)
    assert user.claim == expected


@pytest.mark.parametrize("field", [models.BooleanField(), models.BooleanField(null=True)], ids=["plain", "nullable"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("true", True),
        ("false", False),
        ("TRUE", True),
        ("False", False),
        (True, True),
        (False, False),
        ("1", True),
        ("0", False),
        (1, True),
        (0, False),
    ],
)
def test_boolean_field_accepts_boolean_words(field, value, expected) -> None:
    user = model(claim=field)(claim=not expected)
    assert set_field_from_claim(user, "claim", value)
    assert user.claim is expected
    assert not set_field_from_claim(user, "claim", value)


@pytest.mark.parametrize(
    "value", ["yes", "no", "truthy", " true", "true\n", "on", "\u017f", 2, 0.5, ["true"], {"true": 1}]
)
@pytest.mark.parametrize("before", [True, False])
def test_invalid_boolean_is_left_out_with_a_warning(value, before, caplog) -> None:
    user = model(claim=models.BooleanField())(claim=before)
    assert not set_field_from_claim(user, "claim", value)
    assert user.claim is before
    (record,) = caplog.records
    assert record.getMessage() == "the claim for claim is not a valid value of the field; the field is unchanged"


@pytest.mark.parametrize("field", [models.CharField(max_length=9), models.TextField(), models.JSONField()])
def test_boolean_word_in_another_field_stays_text(field) -> None:
    user = model(claim=field)(claim=None)
    assert set_field_from_claim(user, "claim", "true")
    assert user.claim == "true"


def test_equal_value_is_no_change() -> None:
    assert not set_field_from_claim(model(claim=models.IntegerField())(claim=7), "claim", "7")


# Fields that are cleared


@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
        (models.CharField(max_length=9), "a", ""),
        (models.CharField(max_length=9, null=True), "a", None),
        (models.CharField(max_length=9, default="new"), "a", "new"),
        (models.CharField(max_length=9, choices=[("a", "A")]), "a", ""),
        (models.IntegerField(null=True), 7, None),
        (models.IntegerField(default=0), 7, 0),
        (models.BooleanField(default=False), True, False),
        (models.JSONField(default=dict), {"a": 1}, {}),
        (models.DateField(null=True, db_default=Now()), date(1815, 12, 10), None),
        (models.CharField(max_length=9), "", ""),
    ],
)
def test_cleared_field_has_the_value_of_a_new_user(field, before, after) -> None:
    user = model(claim=field)(claim=before)
    assert clear_field(user, "claim")
    assert user.claim == after


@pytest.mark.parametrize(
    "field",
    [models.IntegerField(), models.DateField(db_default=Now()), models.CharField(max_length=9, unique=True)],
    ids=["no value", "value of the database", "unique"],
)
def test_field_that_needs_a_value_is_not_cleared(field, caplog) -> None:
    user = model(claim=field)(claim=5)
    assert not clear_field(user, "claim")
    assert user.claim == 5
    (record,) = caplog.records
    assert record.getMessage() == "the claim for claim is missing and its field needs a value; the field is unchanged"


def test_username_is_not_cleared() -> None:
    user = model(name=models.CharField(max_length=9, default="new"))(name="al")
    assert not clear_field(user, "name")
    assert user.name == "al"


@pytest.mark.django_db
def test_unique_value_of_another_user_is_not_set() -> None:
    User.objects.create(username="al")
    user = User(username="alice")
    assert not try_set_unique(user, "username", "al")
    assert user.username == "alice"
    user.save()
    assert try_set_unique(user, "username", "alice")
    assert try_set_unique(user, "username", "bo")
    assert user.username == "bo"


# The rules of the user model


@pytest.fixture
def tolerant_logins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let local logins ignore the case and the end of usernames, by the manager."""

    def get_by_natural_key(self: Any, username: str) -> Any:
        return self.get(username__istartswith=username)

    monkeypatch.setattr(UserManager, "get_by_natural_key", get_by_natural_key, raising=False)


@pytest.mark.parametrize("method", ["validate_unique", "validate_constraints"])
def test_value_that_an_own_validation_refuses_is_not_set(method: str, monkeypatch: Any) -> None:
    def refuse(user: Any, exclude: Any = None) -> None:
        raise ValidationError("reserved")

    monkeypatch.setattr(User, method, refuse)
    user = User(first_name="Ada")
    assert not set_field_from_claim(user, "first_name", "Grace")
    assert user.first_name == "Ada"


@pytest.mark.django_db
def test_value_that_a_constraint_refuses_is_not_set() -> None:
    constraint = models.CheckConstraint(condition=~models.Q(nickname="admin"), name="no_admin")
    user = model(constraint, name=models.TextField(), nickname=models.TextField())(nickname="ada")
    assert not set_field_from_claim(user, "nickname", "admin")
    assert (set_field_from_claim(user, "nickname", "grace"), user.nickname) == (True, "grace")


@pytest.mark.django_db
@pytest.mark.usefixtures("tolerant_logins")
@pytest.mark.parametrize("names", [["ALICE"], ["alice-1", "ALICE-2"]])
def test_username_that_the_manager_takes_for_another_is_not_free(names: list[str]) -> None:
    for name in names:
        User.objects.create(username=name)
    user = User(username="before")
    assert not try_set_unique(user, "username", "alice")
    assert user.username == "before"


@pytest.mark.django_db
@pytest.mark.usefixtures("tolerant_logins")
def test_username_of_no_other_user_is_free_for_the_manager() -> None:
    User.objects.create(username="BOB")
    assert try_set_unique(User.objects.create(username="Alice"), "username", "ALICE")
    assert try_set_unique(User(), "username", "eve")


@pytest.mark.django_db
def test_username_check_of_djangos_manager_makes_one_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert try_set_unique(User(), "username", "alice")


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "value"), [("username", "\uff21lice"), ("email", "Alice@EXAMPLE.com")])
def test_claim_is_normalized_before_it_is_compared_and_set(name: str, value: str) -> None:
    user = User(username="x")
    assert set_field_from_claim(user, name, value)
    assert getattr(user, name) == {"username": "Alice", "email": "Alice@example.com"}[name]
    assert not set_field_from_claim(user, name, value)


def test_model_whose_manager_has_no_rule_uses_djangos() -> None:
    user = model(email=models.EmailField(), name=models.CharField(max_length=9))
    assert normalize_email(user, "A@EXAMPLE.com") == "A@example.com"
