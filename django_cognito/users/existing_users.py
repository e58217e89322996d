"""Link users that another package has created to their Cognito users, before the first token. In sets.

Must not write users or grants: the first token of a link does that.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, router
from django.db.models import IntegerField

from ..conf.loading import get_pool_registry
from ..conf.schema import CognitoSettings
from ..db.transactions import retry_conflicts, write_transaction
from ..models import CognitoUser, FormerLink
from .accounts.service_users import is_service_user
from .attributes.contact_claims import find_local_contact_claims
from .writing.link_writes import EPOCH, links_for_write

_CHUNK_SIZE = 500


class UserLink(NamedTuple):
    """A Django user, by primary key, and the Cognito user that it is.

    `username` is Cognito's username, by which the administrative API finds the user. If it is empty, the `sub` is
    stored until the first token. That is the username in pools whose users sign in with an email address or a phone
    number.
    """

    user_pk: Any
    sub: str
    username: str = ""


class LinkReport(NamedTuple):
    """How many links were created, how many existed, and the pairs that were not linked, each with the reason."""

    created: int
    existing: int
    refused: tuple[tuple[UserLink, str], ...]


def link_users(
    links: Iterable[UserLink], *, alias: str | None = None, keeps_password: bool | None = None
) -> LinkReport:
    """Link Django users to Cognito users of the pool `alias`, by default of the first pool; return what was done.

    For sites whose users signed in through another package: without a link, the first token of a Cognito user creates
    a second Django user. The Cognito user gets the whole account, superusers included, so the caller must be sure of
    each pair. The Django users are not changed, and no signal is sent. Disabled users are linked and stay disabled.
    The first token writes attributes and groups. A Django user may have several links.

    A Django user with a local password is refused: another person may have created the account, with the victim's email
    address or `sub`, and knows the password. With `keeps_password` it is linked; by default, LINKING_KEEPS_PASSWORD
    decides.

    A repeated call changes nothing. A pair is also refused if there is no such Django user, if it is a service user, if
    the Cognito user is linked to another one, or if this link was removed before.

    Writes 500 links in one transaction, with five queries. Raises ValueError for an empty `sub`, ImproperlyConfigured
    for an unknown alias.
    """
    settings = get_pool_registry().for_alias(alias)
    if keeps_password is None:
        keeps_password = settings.linking_keeps_password
    insert_links = partial(_insert_links, settings=settings, keeps_password=keeps_password)
    created = existing = 0
    refused: list[tuple[UserLink, str]] = []
    remaining = iter(links)
    while chunk := list(islice(remaining, _CHUNK_SIZE)):
        if not all(link.sub for link in chunk):
            raise ValueError("expected the `sub` of a Cognito user, found an empty value")
        try:
            report = retry_conflicts(partial(insert_links, chunk))
        except IntegrityError:  # the first token of one of them was faster: its link is read now
            report = retry_conflicts(partial(insert_links, chunk))
        created += report.created
        existing += report.existing
        refused += report.refused
    return LinkReport(created, existing, tuple(refused))


def _insert_links(chunk: Sequence[UserLink], settings: CognitoSettings, *, keeps_password: bool) -> LinkReport:
    """Insert the missing links of the chunk in one transaction, under the locks of its links and then of its users."""
    model: Any = get_user_model()
    pks = [_read_pk(model, link.user_pk) for link in chunk]
    in_pool = {"user_pool_id": settings.user_pool_id}
    new: list[CognitoUser] = []
    existing, refused = 0, []
    with write_transaction():
        rows = links_for_write().select_for_update().filter(**in_pool, sub__in=[link.sub for link in chunk])
        owners = dict(rows.order_by("pk").values_list("sub", "user_id"))
        locked = model._base_manager.using(router.db_for_write(model)).select_for_update().filter(pk__in=pks)
        users = {user.pk: user for user in locked.order_by("pk")}
        former = FormerLink.objects.using(router.db_for_write(FormerLink)).filter(**in_pool, user_id__in=users)
        removed = set(former.values_list("user_id", "sub"))
        with_link = set(links_for_write().filter(user_id__in=users).values_list("user_id", flat=True))
        # As for each first link: the site is responsible for the contact values that the user has.
        local_claims = find_local_contact_claims(users.values(), settings)
        for pk, link in zip(pks, chunk, strict=True):
            if pk not in users:
                refused.append((link, "there is no such user"))
            elif owners.get(link.sub, pk) != pk:
                refused.append((link, "the Cognito user is linked to another user"))
            elif link.sub in owners:
                existing += 1
            elif (pk, link.sub) in removed:
                refused.append((link, "this link was removed from the user"))
            elif is_service_user(users[pk]):
                refused.append((link, "the user is a service user"))
            # Django calls an empty password usable, which `objects.create()` leaves.
            elif not keeps_password and users[pk].password and users[pk].has_usable_password():
                refused.append((link, "the user has a local password"))
            else:
                owners[link.sub], user = pk, users[pk]
                verified = [] if pk in with_link else sorted(local_claims[pk])
                values = {"username": link.username or link.sub, "as_of": EPOCH, "verified_attributes": verified}
                new.append(CognitoUser(user=user, sub=link.sub, created_user=False, **in_pool, **values))
        links_for_write().bulk_create(new)
    return LinkReport(len(new), existing, tuple(refused))


def _read_pk(model: Any, value: Any) -> Any:
    """Return a value as a primary key of `model`; None if it cannot be one: "abc", or a number that is too large."""
    field = model._meta.pk
    try:
        pk = field.to_python(value)
        if isinstance(field, IntegerField):
            field.run_validators(pk)  # of the range, which databases raise different errors for
    except (ValidationError, OverflowError):
        return None
    return pk
