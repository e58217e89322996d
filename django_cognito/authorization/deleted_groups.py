"""Clears what link rows store of a deleted Django group, so that the next token grants the group again.

Must not grant or revoke anything itself: that is for `users`, under its lock.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import F, Model, Value
from django.db.models.functions import Left, StrIndex
from django.db.models.signals import post_delete, pre_delete

from ..models import DIGEST_FIELDS, CognitoMembership, CognitoUser

_PAGE_SIZE = 500


def connect(models: Iterable[type[Model]]) -> None:
    """Connect the receiver to Group and to its proxies among `models`: Django sends a proxy's signals as its.

    Before the deletion, so that links are locked first, as by a token that grants the group: the two would wait for
    each other. After it again, for what was granted meanwhile.
    """
    for model in models:
        if model._meta.concrete_model is Group:
            for signal in (pre_delete, post_delete):
                uid = "django_cognito.authorization.deleted_groups"
                signal.connect(clear_digests_of_deleted_group, sender=model, dispatch_uid=uid)


def clear_digests_of_deleted_group(*, instance: Group, using: str, **_: Any) -> None:
    """Clear the digests of the links whose memberships granted `instance`; their moments stay.

    Receiver of `pre_delete` and `post_delete`. Reads the memberships that granted any Django group.
    """
    granted = CognitoMembership.objects.using(using).exclude(granted_groups=[])
    rows = granted.values_list("cognito_user_id", "granted_groups").iterator()
    # In Python: not every database can search in JSON.
    pks = sorted({link_pk for link_pk, groups in rows if instance.pk in groups})
    for start in range(0, len(pks), _PAGE_SIZE):
        links = CognitoUser.objects.using(using).filter(pk__in=pks[start : start + _PAGE_SIZE])
        list(links.select_for_update().order_by("pk").values_list("pk"))  # in one order, as every writer
        for name in DIGEST_FIELDS:
            is_dated = {f"{name}__contains": ":"}  # the others count as changed as they are
            links.filter(**is_dated).update(**{name: Left(F(name), StrIndex(F(name), Value(":")))})
