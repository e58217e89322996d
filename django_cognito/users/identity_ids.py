"""Read and store the identity ids of link rows, one for each user of an identity pool. Must not call AWS."""

from django.db import router
from django.db.models import QuerySet

from ..conf.loading import get_pool_registry
from ..models import CognitoUser
from .writing.provisioning import Token


def get_identity_id(token: Token) -> str:
    """Return the identity id that is stored for the user of `token` in the configured identity pool; empty if none."""
    settings = get_pool_registry().for_token(token.user_pool_id)
    rows = _get_link(token).filter(identity_pool_id=settings.identity_pool_id)
    return rows.values_list("identity_id", flat=True).first() or ""


def save_identity_id(token: Token, identity_id: str) -> None:
    """Store the identity id that the configured identity pool returned for the user of `token`."""
    settings = get_pool_registry().for_token(token.user_pool_id)
    _get_link(token).update(identity_pool_id=settings.identity_pool_id, identity_id=identity_id)


def _get_link(token: Token) -> QuerySet[CognitoUser]:
    # The database for writes: the row may have been created by this request.
    links = CognitoUser.objects.using(router.db_for_write(CognitoUser))
    return links.filter(user_pool_id=token.user_pool_id, sub=token.sub)
