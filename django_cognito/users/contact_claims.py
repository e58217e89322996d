"""Record which email addresses and phone numbers are verified, so that no unverified claim replaces them.

Must not depend on tokens: the arguments are mapped claims, whether Cognito verified each, and the settings of the
link's pool. Called with the user's row locked.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from django.db import router

from ..conf.schema import CognitoSettings
from ..models import CognitoUser
from .fields import CONTACT_CLAIMS, has_claim_value, set_field_from_claim


def read_verified_attributes(user_pks: Collection[Any]) -> defaultdict[Any, set[str]]:
    """Return the claims whose value any link of a user wrote as verified, by the user's primary key. One query."""
    verified: defaultdict[Any, set[str]] = defaultdict(set)
    if user_pks:
        links = CognitoUser.objects.using(router.db_for_write(CognitoUser)).filter(user_id__in=user_pks)
        for user_pk, names in links.values_list("user_id", "verified_attributes"):
            verified[user_pk].update(names)
    return verified


def put_attributes(
    link: CognitoUser,
    attributes: Mapping[str, Any],
    verified: Mapping[str, bool],
    settings: CognitoSettings,
    protected: Collection[str],
) -> list[str]:
    """Set the user's fields from mapped claims and return the names of the fields that changed. Saves nothing.

    An unverified claim of CONTACT_CLAIMS is ignored if it is `protected`: a link of the user wrote a verified value.
    `verified` has an entry for each Django field that such a claim sets.
    """
    claims = settings.attributes
    accepted = {
        name: value
        for name, value in attributes.items()
        if verified.get(name, True) or claims.get(name) not in protected
    }
    changed = [name for name, value in accepted.items() if set_field_from_claim(link.user, name, value)]
    record_verified(link, accepted, verified, settings)
    return changed


def record_verified(
    link: CognitoUser, attributes: Mapping[str, Any], verified: Mapping[str, bool], settings: CognitoSettings
) -> None:
    """Record on `link` the verified claims whose value the user's fields now have. Saves nothing."""
    claims = settings.attributes
    for claim in {claims.get(name) for name, is_verified in verified.items() if is_verified}:
        names = [name for name in attributes if claims.get(name) == claim]
        if all(has_claim_value(link.user, name, attributes[name]) for name in names):
            _add_verified(link, {claim})


def protect_local_values(link: CognitoUser, settings: CognitoSettings) -> None:
    """Record the contact values of a user as verified on their first link: the site is responsible for them."""
    # In the database for writes: a replica may lag.
    if CognitoUser.objects.using(router.db_for_write(CognitoUser)).filter(user_id=link.user_id).exists():
        return
    contact = {name: claim for name, claim in settings.attributes.items() if claim in CONTACT_CLAIMS}
    _add_verified(link, {claim for name, claim in contact.items() if getattr(link.user, name, None)})


def _add_verified(link: CognitoUser, claims: set[Any]) -> None:
    link.verified_attributes = sorted({*link.verified_attributes, *claims})
