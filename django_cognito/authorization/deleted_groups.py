"""Clear the digests of the links whose groups granted a deleted Django group, so that it is granted again.

Must not grant or revoke anything: `users` does, with its locks.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import F, Model, Value
from django.db.models.functions import Left, StrIndex
from django.db.models.signals import post_delete, pre_delete

from ..models import DIGEST_FIELDS, CognitoMembership, CognitoUser

_PAGE_SIZE = 500


def connect_receivers(models: Iterable[type[Model]]) -> None:
    """Connect the receiver to Group and to its proxies among `models`: Django sends a proxy's signals as its.

    It runs before the deletion, so that links are locked first, as by a token that grants the group: otherwise a
    deadlock is possible. It runs again after the deletion, for grants of parallel requests.
    """
    for model in models:
        if model._meta.concrete_model is Group:
            for signal in (pre_delete, post_delete):
                uid = "django_cognito.authorization.deleted_groups"
                signal.connect(clear_digests_of_deleted_group, sender=model, dispatch_uid=uid)


def clear_digests_of_deleted_group(*, instance: Group, using: str, **_: Any) -> None:
    """Clear the digests of the links whose memberships granted `instance`; their moments stay, and what confirms them.

    Receiver of `pre_delete` and `post_delete`. Reads the memberships that granted any Django group.
    """
    granted = CognitoMembership.objects.using(using).exclude(granted_groups=[])
    rows = granted.values_list("cognito_user_id", "granted_groups").iterator()
    # In Python: not every database can search in JSON.
    pks = sorted({link_pk for link_pk, groups in rows if instance.pk in groups})
    for start in range(0, len(pks), _PAGE_SIZE):
        links = CognitoUser.objects.using(using).filter(pk__in=pks[start : start + _PAGE_SIZE])
        list(links.select_for_update().order_by("pk").values_list("pk"))  # in one order, as every writer
        links.update(listed_digest=Left("listed_digest", 1))
        for name in DIGEST_FIELDS:
            is_dated = {f"{name}__contains": ":"}  # other digests count as changed anyway
            links.filter(**is_dated).update(**{name: Left(F(name), StrIndex(F(name), Value(":")))})
