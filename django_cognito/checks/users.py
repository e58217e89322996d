"""Checks of the user model: the fields that claims fill, that groups grant, and that nothing fills."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.core import checks
from django.utils.module_loading import import_string

from ..conf.attribute_targets import Relation, find_relations, get_plain_field_names, needs_value
from ..conf.pool_registry import PoolRegistry

_ADAPTER = "django_cognito.users.UserAdapter"  # of a higher package
_NOT_FOR_CLAIMS = ("password", "is_staff", "is_superuser")


def check_attributes(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that the fields exist that ATTRIBUTES fill, and that claims may fill them."""
    model = get_user_model()
    plain = get_plain_field_names(model)
    mapped = {name: claim for alias in registry.by_alias.values() for name, claim in alias.attributes.items()}
    for name in mapped:
        relation, _, field_name = name.rpartition(".")
        if field_name in _NOT_FOR_CLAIMS:
            # Users may write most of their attributes themselves.
            message, hint = f"COGNITO['ATTRIBUTES'] lets a claim decide {name!r}.", "Grant flags with GROUPS."
            yield checks.Error(message, hint=hint, id="django_cognito.E009")
        elif relation:
            yield from _check_dotted_name(name, find_relations(model).get(relation))
        elif name not in plain:
            message = f"COGNITO['ATTRIBUTES'] names {name!r}, which is no plain field of {model._meta.label}."
            existing = {field: claim for field, claim in mapped.items() if field in plain}
            fields = ", ".join(sorted(plain - {*_NOT_FOR_CLAIMS, "last_login"}))
            hint = f"Write 'ATTRIBUTES': {existing}, or map other fields: {fields}."
            yield checks.Error(message, hint=hint, id="django_cognito.E009")


def _check_dotted_name(name: str, relation: Relation | None) -> Iterator[checks.CheckMessage]:
    """Check a key of ATTRIBUTES such as "profile.department"."""
    model: Any = get_user_model()
    # A claim must not set the fields of another user.
    others = {
        key: item
        for key, item in find_relations(model).items()
        if not (issubclass(item.model, model) or issubclass(model, item.model))
    }
    if relation is None or relation.name not in others:
        problem = f"{name.rpartition('.')[0]!r} is no one-to-one relation of {model._meta.label} to another model"
        hint = f"Use one of {', '.join(map(repr, sorted(others)))}." if others else "Add a OneToOneField to a model."
    elif (field := name.rpartition(".")[2]) not in (plain := get_plain_field_names(relation.model)):
        problem = f"{field!r} is no plain field of {relation.model._meta.label}"
        hint = f"Map other fields: {', '.join(sorted(plain))}."
    else:
        return
    yield checks.Error(f"COGNITO['ATTRIBUTES'] names {name!r}: {problem}.", hint=hint, id="django_cognito.E009")


def check_related_models(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that the rows can be inserted that dotted keys of ATTRIBUTES name, such as "profile.department"."""
    relations = find_relations(get_user_model())
    for alias in registry.by_alias.values():
        for name in sorted({key.rpartition(".")[0] for key in alias.attributes} & relations.keys()):
            fields = [field for field in relations[name].model._meta.concrete_fields if needs_value(field)]
            missing = [
                field.name
                for field in fields
                if field is not relations[name].field and f"{name}.{field.name}" not in alias.attributes
            ]
            if missing:
                label = relations[name].model._meta.label
                message = (
                    f"{label} requires {', '.join(map(repr, missing))}, and nothing sets a value for new rows, which"
                    f" COGNITO['ATTRIBUTES'] creates for {name!r} (alias {alias.alias!r})."
                )
                hint = f"Map a claim to '{name}.{missing[0]}' in ATTRIBUTES, give the field a default, or allow null."
                yield checks.Error(message, hint=hint, id="django_cognito.E051")


def check_granted_fields(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that the user model has the groups and flags that Cognito's groups grant."""
    model, aliases = get_user_model(), registry.by_alias.values()
    grants = [grant for alias in aliases for grant in alias.groups.values()]
    is_granted = {
        "groups": any(alias.mirror_groups for alias in aliases) or any(grant.groups for grant in grants),
        "is_staff": any(grant.staff for grant in grants),
        "is_superuser": any(grant.superuser for grant in grants),
    }
    fields = {field.name for field in (*model._meta.concrete_fields, *model._meta.many_to_many)}
    for name in [name for name, is_needed in is_granted.items() if is_needed and name not in fields]:
        message = f"COGNITO's groups grant {name!r}, which is no field of {model._meta.label}."
        yield checks.Error(message, hint="Inherit from PermissionsMixin, or add the field.", id="django_cognito.E010")


def check_required_fields(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that a new user can be saved."""
    model: Any = get_user_model()
    filled = {model.USERNAME_FIELD, model.get_email_field_name(), "password"}
    for alias in registry.by_alias.values():
        if not alias.create_users or alias.user_adapter:
            continue
        missing = [field.name for field in model._meta.concrete_fields if needs_value(field)]
        if names := [name for name in missing if name not in filled and name not in alias.attributes]:
            message = (
                f"{model._meta.label} requires {', '.join(map(repr, names))}, and nothing sets a value for new users:"
                " the first sign-in of each user is an error 500."
            )
            hint = (
                "Set COGNITO['USER_ADAPTER'] to a class whose method `fill_user` sets it; or map a claim to it in"
                " ATTRIBUTES, give it a default, or allow null."
            )
            yield checks.Warning(message, hint=hint, id="django_cognito.W125")
            return


def check_adapters(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that each USER_ADAPTER can be imported and is a subclass of UserAdapter."""
    base: Any = import_string(_ADAPTER)
    for path in dict.fromkeys(alias.user_adapter for alias in registry.by_alias.values() if alias.user_adapter):
        problem = ""
        try:
            adapter: Any = import_string(path)
        except ImportError as error:
            problem = f"which cannot be imported: {error}"
        else:
            is_adapter = isinstance(adapter, type) and issubclass(adapter, base)
            if not is_adapter:
                problem = f"which is no subclass of {_ADAPTER}"
            elif not (isinstance(adapter.claims, tuple) and all(isinstance(name, str) for name in adapter.claims)):
                problem = "whose `claims` is not a tuple of claim names"
        if problem:
            message = f"COGNITO['USER_ADAPTER'] names {path!r}, {problem}."
            hint = "Set it to the dotted path of a class, for example 'mysite.users.Adapter'. See docs/extending.md."
            yield checks.Error(message, hint=hint, id="django_cognito.E050")
