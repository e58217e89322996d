"""Revoke what a link granted when it is deleted or given to another user: grants, logins, and linking by email.

Must not depend on views: these are signal receivers, so that a site's admin and its own code have the same effect. Not
covered, because Django sends no signals for them: SQL, `QuerySet.update()` and `_raw_delete()`.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.signals import pre_delete, pre_save
from django.dispatch import Signal

from ...authorization.memberships import apply_grants, lock_superusers
from ...conf.loading import get_pool_registry
from ...models import CognitoLogin, CognitoUser, FormerLink
from ...signals import account_linked, account_unlinked, send_groups_changed, send_on_commit
from ..attributes.contact_claims import protect_local_values
from ..revocation import is_disabled, revoke_users

# For `sessions`, which revokes the refresh tokens of the logins at Cognito; this module must not depend on it.
logins_removed = Signal()  # logins, whose rows are deleted; sent on commit
_DIGESTS = ("access_digest", "id_digest", "user_info_digest", "directory_digest")


def connect_receivers(models: Iterable[type[Model]]) -> None:
    """Connect the receivers to CognitoUser and to its proxies among `models`: Django sends a proxy's signals as its."""
    for model in models:
        if model._meta.concrete_model is CognitoUser:
            pre_delete.connect(_on_delete, sender=model, dispatch_uid="django_cognito.users.accounts.unlinking")
            pre_save.connect(_on_save, sender=model, dispatch_uid="django_cognito.users.accounts.unlinking")


def lock_links(user_id: Any, using: str | None = None) -> tuple[list[CognitoUser], Any]:
    """Lock all links of a user and then the user, and return them as they are now; None if the user was deleted.

    Links first and in one order, as every writer of users locks them: otherwise two would wait for each other.
    """
    links = list(CognitoUser.objects.using(using).select_for_update().filter(user_id=user_id).order_by("pk"))
    lock_superusers([user_id], using)
    user: Any = get_user_model()._base_manager.using(using).select_for_update().filter(pk=user_id).first()
    for link in links:
        link.user = user
    return links, user


def _on_delete(instance: CognitoUser, using: str, origin: Any = None, **_: Any) -> None:
    """Revoke what a link granted its user when it is deleted, unless the user is deleted with it."""
    model = origin.model if isinstance(origin, QuerySet) else type(origin)
    if issubclass(model, Model) and not issubclass(model, CognitoUser):
        return  # a cascade, and a link's only parent is its user, who is being deleted
    user_id: Any = instance.user_id
    if instance._state.db != using:  # read from a replica, by which the link may still be another user's
        rows = CognitoUser.objects.using(using).filter(pk=instance.pk)
        user_id = rows.values_list("user_id", flat=True).first()
    _revoke_link(instance, user_id, using)


def _on_save(instance: CognitoUser, using: str, raw: bool = False, update_fields: Any = None, **_: Any) -> None:
    """Revoke the grants of the first user when a link is given to another user, as in a site's admin.

    No query if the instance is as it was read.
    """
    if raw or not (update_fields is None or {"user", "user_id"} & set(update_fields)):
        return
    after = CognitoUser._meta.get_field("user").to_python(instance.user_id)
    is_as_read = after == instance.loaded_user_id and instance._state.db == using
    if instance.pk is None or is_as_read:
        return
    # The row may have another user: the field was deferred, or the instance was constructed, read again, or read from
    # a replica.
    rows = CognitoUser.objects.using(using).filter(pk=instance.pk)
    before = rows.exclude(user_id=after).values_list("user_id", flat=True).first()
    if before is None:
        return
    # In one transaction: a token between the removal and the save would grant the groups to the first user again.
    with transaction.atomic(using=using):
        if _revoke_link(instance, before, using):
            instance.loaded_user_id = instance.user_id
            instance.load_user(using)
            instance.verified_attributes = []
            protect_local_values(instance, get_pool_registry().for_token(instance.user_pool_id))
            changed: dict[str, Any] = {"verified_attributes": instance.verified_attributes, "created_user": False}
            changed["claim_fields"] = {}  # those of the first user
            # With other digests the next token grants the second user what its groups grant.
            if instance.groups:
                changed.update(dict.fromkeys(_DIGESTS, ""), listed_digest=instance.listed_digest[:1])
            vars(instance).update(changed)
            CognitoUser.objects.using(using).filter(pk=instance.pk).update(user_id=instance.user_id, **changed)
            send_on_commit(account_linked, instance, using)
            send_groups_changed(instance, (), using)


def _revoke_link(instance: CognitoUser, user_id: Any, using: str) -> bool:
    """Revoke what the link granted the user, and record the former link; return whether the user still had it."""
    with transaction.atomic(using=using):
        links, user = lock_links(user_id, using)
        link = next((link for link in links if link.pk == instance.pk), None)
        if link is None or user is None:
            return False
        changed = apply_grants(link, {})
        if changed:
            user.save(update_fields=changed)
        for other in links if link.verified_attributes else ():
            # The values that this link wrote to the user are still verified.
            other.verified_attributes = sorted({*other.verified_attributes, *link.verified_attributes})
            other.save(update_fields=["verified_attributes"])
        logins = CognitoLogin.objects.using(using).filter(cognito_user=link)
        reject_tokens = partial(_reject_tokens, link, list(logins.select_for_update().order_by("pk")))
        transaction.on_commit(reject_tokens, using=using)
        logins.delete()
        FormerLink.objects.using(using).create(user=user, user_pool_id=link.user_pool_id, sub=link.sub)
        groups, link.groups = link.groups, []  # of the object, not of the row: a link that moves keeps its groups
        send_groups_changed(link, groups, using)
        send_on_commit(account_unlinked, link, using)
    return True


def _reject_tokens(link: CognitoUser, logins: Sequence[CognitoLogin]) -> None:
    """Reject the tokens that the removed rows have rejected, and those of the logins, by the cache alone."""
    revoke_users([link], are_disabled=is_disabled(link))
    for login in logins:
        login.cognito_user = link
    logins_removed.send_robust(None, logins=logins)
