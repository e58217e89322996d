"""The user model: fields of ATTRIBUTES, and required fields that nothing fills."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import AbstractUser, Group
from django.db import models
from django.db.models.functions import Now
from django.test.utils import isolate_apps

from django_cognito.checks.users import check_attributes, check_related_models, check_required_fields
from django_cognito.conf import default_attributes
from django_cognito.conf.loading import get_pool_registry, get_settings
from tests.support.check_messages import change_cognito, text_of


def use_model(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> Any:
    """Let the checks see a user model with these fields besides those of Django's AbstractUser."""
    with isolate_apps("django.contrib.auth"):
        meta = type("Meta", (), {"app_label": "auth"})
        attributes = {"__module__": __name__, "Meta": meta, "groups": None, "user_permissions": None}
        model = type("Member", (AbstractUser,), {**attributes, **fields})
    return use(monkeypatch, model)


def use(monkeypatch: pytest.MonkeyPatch, model: Any) -> Any:
    for module in ("django_cognito.checks.users", "django_cognito.conf.default_attributes"):
        monkeypatch.setattr(f"{module}.get_user_model", lambda: model)
    return model


@pytest.fixture
def plain_user(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    """Use a user model with a name and an email address, and no first and last name."""
    with isolate_apps("django.contrib.auth"):

        class PlainUser(AbstractBaseUser):
            name = models.CharField(max_length=9, unique=True)
            email = models.EmailField()
            USERNAME_FIELD = "name"
            objects = BaseUserManager()

            class Meta:
                app_label = "auth"

    settings.COGNITO = {**settings.COGNITO}  # read again
    return use(monkeypatch, PlainUser)


@pytest.fixture
def related_models(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Use a user model with one-to-one relations in both directions, also to another user."""
    with isolate_apps("django.contrib.auth"):

        def make(name: str, bases: tuple[Any, ...], **fields: Any) -> Any:
            meta = type("Meta", (), {"app_label": "auth"})
            return type(name, bases, {"__module__": __name__, "Meta": meta, **fields})

        def refer(model: Any, related_name: str, field: Any = models.OneToOneField, **options: Any) -> Any:
            return field(model, on_delete=models.CASCADE, related_name=related_name, **options)

        desk = make("Desk", (models.Model,), room=models.CharField(max_length=9))
        fields = {"groups": None, "user_permissions": None, "desk": refer(desk, "+", null=True)}
        member = make("Member", (AbstractUser,), partner=refer("self", "guest", null=True), **fields)
        make("Captain", (member,), ship=models.TextField())
        texts = {name: models.CharField(max_length=9) for name in ("department", "is_staff")}
        make("Profile", (models.Model,), user=refer(member, "profile"), born=models.DateField(), **texts)
        make("Address", (models.Model,), user=refer(member, "addresses", models.ForeignKey))
    return use(monkeypatch, member)


@pytest.mark.usefixtures("related_models")
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("profile.department", ""),
        ("desk.room", ""),
        ("profile.colour", "'colour' is no plain field of auth.Profile"),
        ("profile.user", "'user' is no plain field of auth.Profile"),
        ("profile.id", "'id' is no plain field of auth.Profile"),
        ("profil.department", "'profil' is no one-to-one relation of auth.Member to another model"),
        ("addresses.id", "'addresses' is no one-to-one relation of auth.Member to another model"),
        ("partner.email", "'partner' is no one-to-one relation of auth.Member to another model"),
        ("guest.email", "'guest' is no one-to-one relation of auth.Member to another model"),
        ("captain.ship", "'captain' is no one-to-one relation of auth.Member to another model"),
        ("profile.user.email", "'profile.user' is no one-to-one relation of auth.Member to another model"),
        ("profile.is_staff", "lets a claim decide"),
    ],
)
def test_dotted_name_must_be_a_field_of_a_one_to_one_relation(settings: Any, name: str, problem: str) -> None:
    change_cognito(settings, ATTRIBUTES={name: "custom:value"})
    messages = list(check_attributes(get_pool_registry()))
    assert [message.id for message in messages] == ["django_cognito.E009"] * bool(problem)
    if "relation" in problem:
        assert messages[0].hint == "Use one of 'desk', 'profile'."
    assert problem in " ".join(message.msg for message in messages)


@pytest.mark.usefixtures("related_models")
@pytest.mark.parametrize(
    ("attributes", "is_missing"),
    [
        ({"profile.department": "custom:department"}, True),
        ({"profile.department": "custom:department", "profile.born": "birthdate"}, False),
        ({"desk.room": "custom:room"}, False),
        ({"email": "email"}, False),
    ],
)
def test_required_field_of_a_related_model_is_an_error(
    settings: Any, attributes: dict[str, str], is_missing: bool
) -> None:
    change_cognito(settings, ATTRIBUTES=attributes)
    messages = list(check_related_models(get_pool_registry()))
    assert [message.id for message in messages] == ["django_cognito.E051"] * is_missing
    if is_missing:
        assert "auth.Profile requires 'born'" in messages[0].msg
        assert "Map a claim to 'profile.born' in ATTRIBUTES" in text_of(messages[0])


MISTAKE = "ATTRIBUTES (default) on a user model without those fields"


@pytest.mark.mistake(MISTAKE, by="check")
@pytest.mark.usefixtures("plain_user")
def test_default_attributes_are_those_that_the_model_has() -> None:
    assert get_settings().attributes == {"email": "email"}
    assert list(check_attributes(get_pool_registry())) == []


@pytest.mark.mistake(MISTAKE, by="check")
@pytest.mark.usefixtures("plain_user")
def test_explicit_attribute_without_a_field_is_an_error_with_the_line(settings: Any) -> None:
    change_cognito(settings, ATTRIBUTES={"email": "email", "first_name": "given_name"})
    (message,) = check_attributes(get_pool_registry())
    assert message.id == "django_cognito.E009"
    assert "names 'first_name', which is no plain field of auth.PlainUser" in message.msg
    assert message.hint == "Write 'ATTRIBUTES': {'email': 'email'}, or map other fields: email, name."


def test_default_attributes_before_the_models_are_loaded_are_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps, "models_ready", False)
    assert list(default_attributes.get_default_attributes()) == ["email", "first_name", "last_name"]


def organisation(**options: Any) -> Any:
    return models.ForeignKey(Group, on_delete=models.PROTECT, related_name="+", **options)


@pytest.mark.mistake("user model with a required field that nothing fills", by="check")
def test_required_field_that_nothing_fills_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    use_model(monkeypatch, organisation=organisation())
    (message,) = check_required_fields(get_pool_registry())
    assert message.id == "django_cognito.W125"
    assert "auth.Member requires 'organisation'" in message.msg
    assert "COGNITO['USER_ADAPTER']" in text_of(message)
    assert "fill_user" in text_of(message)


@pytest.mark.parametrize(
    ("field", "is_missing"),
    [
        (organisation(), True),
        (models.IntegerField(), True),
        (models.DateField(), True),
        (models.UUIDField(), True),
        (models.CharField(max_length=9, unique=True), True),
        (models.CharField(max_length=9), False),
        (organisation(null=True), False),
        (organisation(default=1), False),
        (models.DateTimeField(auto_now_add=True), False),
        (models.DateTimeField(auto_now=True), False),
        (models.DateTimeField(db_default=Now()), False),
        (models.BooleanField(default=False), False),
        (models.CharField(max_length=9, unique=True, null=True), False),
        (models.GeneratedField(expression=models.F("id"), output_field=models.IntegerField(), db_persist=True), False),
        (models.UUIDField(primary_key=True), True),
        (models.BigAutoField(primary_key=True), False),
    ],
    ids=lambda value: getattr(value, "description", value),
)
def test_field_is_missing_if_a_row_cannot_be_saved(
    monkeypatch: pytest.MonkeyPatch, field: Any, is_missing: bool
) -> None:
    use_model(monkeypatch, seal=field)
    assert [message.id for message in check_required_fields(get_pool_registry())] == [
        "django_cognito.W125"
    ] * is_missing


@pytest.mark.parametrize(
    "changes", [{"ATTRIBUTES": {"organisation": "custom:org"}}, {"CREATE_USERS": False}, {"USERNAME": "email"}]
)
def test_required_field_that_a_claim_fills_is_accepted(
    settings: Any, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    use_model(monkeypatch, organisation=organisation())
    change_cognito(settings, **changes)
    count = 1 if "USERNAME" in changes else 0
    assert len(list(check_required_fields(get_pool_registry()))) == count


def test_required_field_is_accepted_with_an_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    use_model(monkeypatch, organisation=organisation())

    class Alias:
        create_users = True
        attributes: dict[str, str] = {}
        user_adapter = "notes.users.Adapter"

    registry: Any = type("Registry", (), {"by_alias": {"default": Alias}})
    assert list(check_required_fields(registry)) == []
