"""Set and clear the fields of ATTRIBUTES, and record which email addresses and phone numbers are verified.

No unverified claim replaces a verified one, and no value is cleared that a claim of the same link has not set. Must not
depend on tokens: the arguments are mapped claims, whether Cognito verified each, and the settings of the link's pool.
Called with the user's row and the related rows locked.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from django.db import router

from ...conf.schema import CognitoSettings
from ...models import CognitoUser
from ..save_protection import freeze_value
from .field_values import hash_field
from .fields import CONTACT_CLAIMS, clear_field, has_claim_value, set_field_from_claim
from .related_rows import add_row, drop_incomplete_rows, find_row, load_related_rows


class OtherLinks(NamedTuple):
    """What the other links of a user have recorded."""

    verified: set[str]  # the claims whose value a link wrote as verified
    claim_fields: set[tuple[str, str]]  # the keys of ATTRIBUTES whose value a claim has set, and its digest


def read_other_links(links: Collection[CognitoUser]) -> defaultdict[Any, OtherLinks]:
    """Return what the other links of the users of `links` have recorded, by the user's primary key.

    `links` are of different users. One query; none if `links` is empty.
    """
    others: defaultdict[Any, OtherLinks] = defaultdict(lambda: OtherLinks(set(), set()))
    if links:
        rows = CognitoUser.objects.using(router.db_for_write(CognitoUser))
        rows = rows.filter(user_id__in=[link.user_id for link in links])
        rows = rows.exclude(pk__in=[link.pk for link in links if link.pk is not None])
        for user_pk, verified, claim_fields in rows.values_list("user_id", "verified_attributes", "claim_fields"):
            others[user_pk].verified.update(verified)
            others[user_pk].claim_fields.update(claim_fields.items())
    return others


def put_attributes(
    link: CognitoUser,
    attributes: Mapping[str, Any],
    verified: Mapping[str, bool],
    settings: CognitoSettings,
    others: OtherLinks,
) -> list[str]:
    """Set the fields of the user and of loaded related rows from mapped claims; None clears a field. Saves nothing.

    Return the keys of ATTRIBUTES whose field now has a value of a claim of this link.

    A field is cleared only if it still has the value that a claim of this link had set: what an administrator, the user
    or a claim of another link has set since stays, and so does a value that a claim of another link has too. An
    unverified claim of CONTACT_CLAIMS is ignored if a link of the user wrote a verified value. `verified` has an entry
    for each Django field that such a claim sets.
    """
    claims, protected = settings.attributes, {*others.verified, *link.verified_attributes}
    accepted = {
        name: value
        for name, value in attributes.items()
        if verified.get(name, True) or claims.get(name) not in protected
    }
    digests, user = dict(link.claim_fields), link.user
    for name, value in accepted.items():
        (row, field), before = find_row(user, name), digests.get(name, "")
        if value is None:
            digests[name] = _clear_value(row, field, before, is_shared=(name, before) in others.claim_fields)
        else:
            digests[name] = _set_value(row or add_row(user, name), field, value, before)
    dropped = drop_incomplete_rows(user, accepted)
    link.claim_fields = {name: digests[name] for name in sorted(digests.keys() - dropped) if digests[name]}
    record_verified(link, accepted, verified, settings)
    return [name for name, value in accepted.items() if value is not None and name in link.claim_fields]


def _set_value(row: Any, field: str, value: Any, before: str) -> str:
    """Set a field from a claim; return the digest to record, which is empty if the field has no value of a claim.

    `before` is the recorded digest: if the field refuses the claim, it may still have the value of an earlier one.
    """
    is_changed, digest = set_field_from_claim(row, field, value), hash_field(row, field)
    return digest if is_changed or digest == before or has_claim_value(row, field, value) else ""


def _clear_value(row: Any, field: str, before: str, *, is_shared: bool) -> str:
    """Clear a field that still has the value with the recorded digest `before`; return the digest to record.

    It is empty, except if the field needs a value.
    """
    is_unchanged = before and row is not None and before == hash_field(row, field)
    return before if is_unchanged and not is_shared and not clear_field(row, field) else ""


def hash_targets(user: Any, targets: Iterable[str]) -> dict[str, str]:
    """Return the digests of the values of targets, as `claim_fields` has them. Without targets of missing rows."""
    rows = {name: find_row(user, name) for name in sorted(targets)}
    return {name: hash_field(row, field) for name, (row, field) in rows.items() if row is not None}


def read_values(user: Any, targets: Iterable[str]) -> dict[str, Any]:
    """Return the values of targets, copied if they can change in place. Without targets of missing rows."""
    rows = {name: find_row(user, name) for name in targets}
    return {name: freeze_value(getattr(row, field)) for name, (row, field) in rows.items() if row is not None}


def record_verified(
    link: CognitoUser, attributes: Mapping[str, Any], verified: Mapping[str, bool], settings: CognitoSettings
) -> None:
    """Record on `link` the verified claims whose value the user's fields now have. Saves nothing."""
    claims = settings.attributes
    for claim in {claims.get(name) for name, is_verified in verified.items() if is_verified}.difference(
        link.verified_attributes
    ):
        names = [name for name in attributes if claims.get(name) == claim]
        rows = [(*find_row(link.user, name), attributes[name]) for name in names]
        if all(row is not None and has_claim_value(row, field, value) for row, field, value in rows):
            _add_verified(link, {claim})


def protect_local_values(link: CognitoUser, settings: CognitoSettings) -> None:
    """Record the contact values of a user as verified on their first link: the site is responsible for them."""
    # In the database for writes: a replica may lag.
    if CognitoUser.objects.using(router.db_for_write(CognitoUser)).filter(user_id=link.user_id).exists():
        return
    _add_verified(link, find_local_contact_claims([link.user], settings)[link.user.pk])


def find_local_contact_claims(users: Collection[Any], settings: CognitoSettings) -> dict[Any, set[Any]]:
    """Return the claims whose fields have a value, by the user's primary key: on a first link they count as verified.

    One query for each relation that dotted keys of ATTRIBUTES name.
    """
    contact = {name: claim for name, claim in settings.attributes.items() if claim in CONTACT_CLAIMS}
    load_related_rows(users, contact)
    claims: dict[Any, set[Any]] = {user.pk: set() for user in users}
    for user in users:
        for name, claim in contact.items():
            row, field = find_row(user, name)
            claims[user.pk].update([claim] if getattr(row, field, None) else [])
    return claims


def _add_verified(link: CognitoUser, claims: set[Any]) -> None:
    link.verified_attributes = sorted({*link.verified_attributes, *claims})
