"""Which of a user's addresses and phone numbers count as verified: an unverified claim replaces none of them.

Must not depend on tokens: it is given mapped claims, and whether Cognito verified each. Called under the user's lock.
"""

from collections.abc import Mapping
from typing import Any

from django.db import router
from django.db.models import QuerySet

from ..conf.loading import get_pool_registry
from ..models import CognitoUser
from .fields import CONTACT_CLAIMS, holds, put


def put_attributes(link: CognitoUser, attributes: Mapping[str, Any], verified: Mapping[str, bool]) -> list[str]:
    """Put mapped claims into the user's fields and return the names of the fields that changed. Saves nothing.

    An unverified claim of CONTACT_CLAIMS is left out if a verified value of it was written by any link of the user.
    `verified` is by Django field, of those that such a claim fills.
    """
    claims = get_pool_registry().for_token(link.user_pool_id).attributes
    kept = frozenset() if all(verified.values()) else _verified_claims_of_user(link)
    accepted = {
        name: value for name, value in attributes.items() if verified.get(name, True) or claims.get(name) not in kept
    }
    changed = [name for name, value in accepted.items() if put(link.user, name, value)]
    record_verified(link, accepted, verified)
    return changed


def record_verified(link: CognitoUser, attributes: Mapping[str, Any], verified: Mapping[str, bool]) -> None:
    """Record on `link` which claims were verified and are now what the user's fields hold. Saves nothing."""
    claims = get_pool_registry().for_token(link.user_pool_id).attributes
    for claim in {claims.get(name) for name, is_verified in verified.items() if is_verified}:
        names = [name for name in attributes if claims.get(name) == claim]
        if all(holds(link.user, name, attributes[name]) for name in names):
            _record(link, {claim})


def protect_local_values(link: CognitoUser) -> None:
    """Count the values of a user without any link as verified on its first one: the site vouches for them."""
    if _links_of_user(link).exists():
        return
    claims = get_pool_registry().for_token(link.user_pool_id).attributes
    _record(
        link, {claim for name, claim in claims.items() if claim in CONTACT_CLAIMS and getattr(link.user, name, None)}
    )


def _record(link: CognitoUser, claims: set[Any]) -> None:
    link.verified_attributes = sorted({*link.verified_attributes, *claims})


def _verified_claims_of_user(link: CognitoUser) -> frozenset[str]:
    rows = _links_of_user(link).values_list("verified_attributes", flat=True)
    return frozenset(link.verified_attributes).union(*rows)


def _links_of_user(link: CognitoUser) -> QuerySet[CognitoUser]:
    """Return all links of the user of `link`, from the database that is written to: a replica may lag."""
    return CognitoUser.objects.using(router.db_for_write(CognitoUser)).filter(user_id=link.user_id)
