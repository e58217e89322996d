"""Protect changes that an instance of the user model has not read: `save()` does not overwrite them.

A cached user, or one whose flags are hidden, differs from its row; Django's `save()` writes all fields. Does not decide
what is cached or hidden.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType, NoneType
from typing import Any, Self
from uuid import UUID

from django.db import connections
from django.db.models import Model
from django.db.models.fields.files import FieldFile
from django.db.models.signals import post_save, pre_save
from django.dispatch import receiver

from ..models import CognitoUser

IMMUTABLE_TYPES = frozenset(
    {str, int, float, bool, bytes, memoryview, NoneType, Decimal, UUID, date, time, datetime, timedelta}
)
# The snapshot is stored where Django caches this relation of the user, which it never does itself for a foreign key
# from elsewhere. So `refresh_from_db()` drops the snapshot, and copies of the user share it.
_RELATION: Any = CognitoUser._meta.get_field("user").remote_field


class _Snapshot:
    """The values that an instance had when it was loaded, by attribute name. Never changed, so copies may share it.

    A pickle contains the hidden ones only: what was replaced in memory must not be saved by a copy of the user, and a
    user whose password was removed before pickling does not carry it all the same.
    """

    __slots__ = ("hidden", "model", "pk", "values")

    def __init__(
        self,
        model: type = object,
        pk: Any = None,
        values: Mapping[str, Any] = MappingProxyType({}),
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        self.model = model
        self.pk = pk
        self.values = values
        self.hidden = hidden

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        hidden = {name: value for name, value in self.values.items() if name in self.hidden}
        return type(self), (self.model, self.pk, hidden, self.hidden) if hidden else ()

    def is_of(self, instance: Model) -> bool:
        """Return whether `instance` is the row that the values are of: a copy may have got another key since."""
        return isinstance(instance, self.model) and instance.pk == self.pk

    def unchanged(self, instance: Model) -> list[str]:
        """Return the attributes of `instance` that still have the value of this snapshot."""
        current = vars(instance)
        return [name for name, value in self.values.items() if name in current and current[name] == value]


def protect_unread_changes(user: Model, *, hidden: Iterable[str] = ()) -> None:
    """Let `user.save()` write only what is set on `user` from now on.

    The values that `user` has now are its snapshot. When `save()` is called without `update_fields`, each field that
    still equals its snapshot is read from the row first, in the database that is written to: one query, with a lock
    inside a transaction. A field that was set, or was written by name, leaves the snapshot. A full `refresh_from_db()`
    drops the snapshot, and a pickle contains the values of `hidden` only.
    `hidden` names the fields whose value was replaced in memory: after a save they have their value of now again
    (during it, and if it raises, the row's). Pass the user itself, not the lazy object of a request.
    Not protected: `raw` saves, explicit `update_fields`, `bulk_update`, `QuerySet.update`, and a field that is set to
    exactly its snapshot's value. No I/O.
    """
    current = vars(user)
    names = [field.attname for field in user._meta.concrete_fields if not field.primary_key]
    values = {name: freeze_value(current[name]) for name in names if name in current}
    _set_snapshot(user, _Snapshot(type(user)._meta.concrete_model or type(user), user.pk, values, frozenset(hidden)))


def create_user_copier(load: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that returns another protected user each time; `load` returns a user as it was read. No query.

    If all its values are immutable, the users are copies of one, made in a fifth of the time.
    """
    user = load()
    values, state = {**vars(user)}, {**vars(user._state)}
    del values["_state"]
    is_plain = all(type(value) in IMMUTABLE_TYPES for value in (*values.values(), *state.values()))
    protect_unread_changes(user)
    model: Any = type(user)
    state_type, snapshot = type(user._state), user._state.fields_cache.copy()  # Django 6.1 clears a dropped user's own

    def copy() -> Any:
        new = model.__new__(model)
        new._state = state_type()
        vars(new._state).update(state, fields_cache=snapshot.copy())
        vars(new).update(values)
        return new

    def load_protected() -> Any:  # a list, or whatever the model adds to its instances, is not shared
        new = load()
        new._state.fields_cache.update(snapshot)
        return new

    return copy if is_plain else load_protected


# Of every sender: a proxy of the user model may be defined at any time. Instances without a snapshot are left alone.
@receiver(pre_save, dispatch_uid="django_cognito.users.save_protection.pre_save")
def _read_unread_changes(instance: Model, raw: bool, using: str, update_fields: Iterable[str] | None, **_: Any) -> None:
    """Set each unchanged field of `instance` to the value of its row, before Django writes it."""
    snapshot = _snapshot_of(instance)
    if snapshot is None or instance._state.adding:
        return
    if raw or not _writes_all(instance, update_fields):
        # A save writes all fields, or those of `update_fields`, which takes "company" and "company_id".
        fields = instance._meta.concrete_fields
        names = {field.name for field in fields} if update_fields is None else set(update_fields)
        written = {field.attname for field in fields if not names.isdisjoint((field.name, field.attname))}
        _set_snapshot(instance, _with_values(snapshot, {k: v for k, v in snapshot.values.items() if k not in written}))
        return
    unchanged = snapshot.unchanged(instance)
    if not unchanged:
        return
    row = _read_row(instance, snapshot, using)
    if row is None:  # deleted: Django inserts it again, or raises
        _RELATION.delete_cached_value(instance)
        return
    current = vars(instance)
    values = {}
    for name in unchanged:
        values[name] = snapshot.values[name] if name in snapshot.hidden else freeze_value(getattr(row, name))
        if current[name] != getattr(row, name):
            setattr(instance, name, getattr(row, name))
    _set_snapshot(instance, _with_values(snapshot, values))


@receiver(post_save, dispatch_uid="django_cognito.users.save_protection.post_save")
def _hide_again(instance: Model, update_fields: Iterable[str] | None, **_: Any) -> None:
    """Give the hidden fields of `instance` their value in memory again, after Django wrote the row's."""
    snapshot = _snapshot_of(instance)
    if snapshot is not None and snapshot.hidden and _writes_all(instance, update_fields):
        for name in snapshot.hidden & snapshot.values.keys():
            setattr(instance, name, snapshot.values[name])


def _read_row(instance: Model, snapshot: _Snapshot, using: str) -> Model | None:
    """Return the row of `instance` in the database that is written to; None if it was deleted."""
    rows = snapshot.model._base_manager.using(using)  # type: ignore[attr-defined]  # a model's
    connection = connections[using]
    if not connection.get_autocommit():
        # The lock that the UPDATE takes. A stronger one would deadlock with transactions that inserted a reference.
        rows = rows.select_for_update(no_key=connection.features.has_select_for_no_key_update)
    row: Model | None = rows.filter(pk=instance.pk).first()
    return row


def _writes_all(instance: Model, update_fields: Iterable[str] | None) -> bool:
    """Return whether `save()` was called without `update_fields`.

    Source: Django's `Model.save`, which sets it to all loaded fields if others are deferred.
    """
    if update_fields is None:
        return True
    current, fields = vars(instance), instance._meta.concrete_fields
    names = {field.attname for field in fields if field not in instance._meta.pk_fields}
    deferred = {field.attname for field in fields if field.attname not in current and not field.generated}
    return bool(deferred) and update_fields == names - deferred


def _snapshot_of(instance: Model) -> _Snapshot | None:
    snapshot = _RELATION.get_cached_value(instance, None)
    # Another model may have a relation of that name.
    return snapshot if isinstance(snapshot, _Snapshot) and snapshot.is_of(instance) else None


def _set_snapshot(instance: Model, snapshot: _Snapshot) -> None:
    _RELATION.set_cached_value(instance, snapshot)


def _with_values(snapshot: _Snapshot, values: Mapping[str, Any]) -> _Snapshot:
    return _Snapshot(snapshot.model, snapshot.pk, values, snapshot.hidden)


def freeze_value(value: Any) -> Any:
    """Return a value that stays as it is when `value` is changed in place."""
    if type(value) in IMMUTABLE_TYPES:
        return value
    # Django compares a file with a name; a copy of the file would copy its user too.
    return value.name if isinstance(value, FieldFile) else deepcopy(value)
