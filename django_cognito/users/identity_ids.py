"""The identity ids that link rows store, one for each user of an identity pool. Asks no AWS."""

from django.db import router
from django.db.models import QuerySet

from ..conf.loading import get_pool_registry
from ..models import CognitoUser
from .provisioning import Token


def identity_of(token: Token) -> str:
    """Return the identity id that is stored for the user of `token` in the configured identity pool; empty if none."""
    settings = get_pool_registry().for_token(token.user_pool_id)
    rows = _row_of(token).filter(identity_pool_id=settings.identity_pool_id)
    return rows.values_list("identity_id", flat=True).first() or ""


def keep_identity(token: Token, identity_id: str) -> None:
    """Store the identity id that the configured identity pool returned for the user of `token`."""
    settings = get_pool_registry().for_token(token.user_pool_id)
    _row_of(token).update(identity_pool_id=settings.identity_pool_id, identity_id=identity_id)


def _row_of(token: Token) -> QuerySet[CognitoUser]:
    # In the database that is written to: the row may be as new as the request.
    written = CognitoUser.objects.using(router.db_for_write(CognitoUser))
    return written.filter(user_pool_id=token.user_pool_id, sub=token.sub)
