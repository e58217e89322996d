"""The rows that dotted keys of ATTRIBUTES set, such as "profile.department": related one to one to the users.

Called with the rows of the users locked. A related row is found in the user's cache of the relation. Must not depend on
tokens.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db import connections, router
from django.db.models import Field

from ...conf.attribute_targets import Relation, find_relations, needs_value
from ...db.row_updates import update_rows
from ..save_protection import freeze_value

logger = logging.getLogger(__name__)


class RowChange(NamedTuple):
    """A related row to write: a new one, or some fields of one."""

    user: Any
    relation: Relation
    row: Any
    names: Sequence[str]  # of the fields; empty for a new row

    def save(self) -> None:
        """Save the row, with Django's signals, and set its key on the user if the user model has the field."""
        self.row.save(update_fields=self.names or None)
        self.attach()

    def attach(self) -> None:
        """Set the key of the saved row on the user, if the user model has the field."""
        if self.relation.is_forward:
            setattr(self.user, self.relation.name, self.row)


def get_relation(target: str) -> Relation:
    """Return the relation of a dotted target. Raises FieldDoesNotExist, which check E009 reports before."""
    name = target.rpartition(".")[0]
    relation = find_relations(get_user_model()).get(name)
    if relation is None:
        raise FieldDoesNotExist(f"{get_user_model()._meta.label} has no one-to-one relation {name!r}")
    return relation


def get_related_models(targets: Iterable[str]) -> set[Any]:
    """Return the models whose rows the dotted ones of `targets` set."""
    return {get_relation(name).model for name in targets if "." in name}


def load_related_rows(users: Collection[Any], targets: Iterable[str]) -> None:
    """Load the related rows of the dotted ones of `targets`, and lock them. One query for each relation."""
    for relation in {get_relation(name).name: get_relation(name) for name in sorted(targets) if "." in name}.values():
        using = router.db_for_write(relation.model)
        keys = [key for user in users if (key := getattr(user, relation.user_key)) is not None]
        rows = relation.model._base_manager.using(using).select_for_update().order_by("pk")
        stored = rows.filter(**{f"{relation.row_key}__in": keys}) if keys else ()
        by_key = {getattr(row, relation.row_key): row for row in stored}
        for user in users:
            row = by_key.get(getattr(user, relation.user_key))
            if row is not None:
                relation.end.set_cached_value(user, row)
                relation.end.remote_field.set_cached_value(row, user)
            elif relation.end.is_cached(user):
                relation.end.delete_cached_value(user)


def find_row(user: Any, target: str) -> tuple[Any, str]:
    """Return the instance and the name of the field of a target: the user, or a loaded related row; None if none is."""
    relation, _, name = target.rpartition(".")
    return (get_relation(target).end.get_cached_value(user, None) if relation else user), name


def get_field(target: str) -> "Field[Any, Any]":
    """Return the field of a target."""
    model = get_relation(target).model if "." in target else get_user_model()
    field: Any = model._meta.get_field(target.rpartition(".")[2])
    return field  # type: ignore[no-any-return]


def add_row(user: Any, target: str) -> Any:
    """Return a new related row for a dotted target. The caller saves it, or removes it by `drop_incomplete_rows`."""
    relation = get_relation(target)
    row = relation.model()
    if relation.is_forward:
        setattr(user, relation.name, row)
    else:
        setattr(row, relation.field.name, user)
    return row


def drop_incomplete_rows(user: Any, targets: Iterable[str]) -> set[str]:
    """Remove new rows in which nothing is set, or that have no value for a field of `targets` which needs one.

    Return the targets of these rows.
    """
    names = sorted(name for name in targets if "." in name)
    if not names:
        return set()
    values = read_targets(user, names)
    dropped = set()
    for relation in {get_relation(name).name: get_relation(name) for name in names}.values():
        row = relation.end.get_cached_value(user, None)
        if row is None or not row._state.adding:
            continue
        own = [name for name in names if get_relation(name) is relation]
        set_names = {name for name in own if values[name] != get_field(name).get_default()}
        lacking = [name for name in own if needs_value(get_field(name)) and name not in set_names]
        if lacking:
            logger.warning("no row of %s was created: no claim sets %s", relation.model._meta.label, lacking[0])
        if lacking or not set_names:
            relation.end.delete_cached_value(user)
            if relation.is_forward:
                setattr(user, relation.field.attname, None)
            dropped |= set(own)
    return dropped


def read_targets(user: Any, targets: Iterable[str]) -> dict[str, Any]:
    """Return the values of the dotted ones of `targets`; those of a new row if there is none."""
    values = {}
    for target in targets:
        if "." in target:
            row, name = find_row(user, target)
            values[target] = freeze_value(get_field(target).get_default() if row is None else getattr(row, name))
    return values


def find_row_changes(user: Any, changes: Mapping[str, tuple[Any, Any]]) -> list[RowChange]:
    """Return the rows to write for changed dotted targets."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for target in changes:
        names[get_relation(target).name].append(target)
    rows = []
    for targets in names.values():
        relation, (row, _) = get_relation(targets[0]), find_row(user, targets[0])
        fields = () if row._state.adding else [target.rpartition(".")[2] for target in targets]
        rows.append(RowChange(user, relation, row, fields))
    return rows


def write_rows(changes: Iterable[RowChange], using: str) -> None:
    """Write related rows of many users with one statement for each model and kind of change. Sends no signals."""
    changes = list(changes)
    new: defaultdict[Any, list[RowChange]] = defaultdict(list)
    for change in changes:
        if not change.names:
            new[change.relation.name].append(change)
    has_keys = connections[using].features.can_return_rows_from_bulk_insert
    for items in new.values():
        model, is_forward = items[0].relation.model, items[0].relation.is_forward
        if model._meta.parents or (is_forward and not has_keys):
            for item in items:
                item.row.save(using=using)
        else:
            model._base_manager.using(using).bulk_create([item.row for item in items])
    update_rows(using, [(change.row, change.names) for change in changes if change.names])
    for change in changes:
        change.attach()
