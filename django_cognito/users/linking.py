"""Link several Cognito users, such as a native and a federated one, to one Django user, at the user's request.

Must not link by email: the user has signed in as both.
"""

from functools import partial
from typing import Any

from django.db import router

from ..conf.loading import get_pool_registry
from ..conf.pool_registry import PoolRegistry
from ..core import AccessToken, IdToken
from ..core.errors import SignInError, TokenError
from ..db.transactions import retry_conflicts, write_transaction
from .accounts.unlinking import lock_links
from .attributes.claim_sources import claims_from_tokens
from .rejected_tokens import report_rejection
from .revocation import is_disabled
from .writing.provisioning import link_to_user


def link(user: Any, token: AccessToken, profile: IdToken | None) -> None:
    """Link the Cognito user of verified tokens to `user`, in addition to existing links.

    Raises TokenError (code "linked_elsewhere") if another Django user has the link, after it sent `token_rejected`.
    """
    settings = get_pool_registry().for_token(token.user_pool_id)
    try:
        link_to_user(claims_from_tokens(token, profile, settings), user, settings)
    except TokenError as error:
        error.user_pool_id, error.client_id = token.user_pool_id, token.client_id
        report_rejection(error)
        raise


def unlink(user: Any, link_id: int) -> None:
    """Delete a link of `user`, with the grants of its groups and its logins.

    Raises SignInError: code "not_linked" if `user` has no such link, "last_way_in" if they could not sign in without
    it.
    """
    retry_conflicts(partial(_unlink, user, link_id, get_pool_registry()))


def _unlink(user: Any, link_id: int, pools: PoolRegistry) -> None:
    """Delete the link with all links and the user locked: parallel calls must not remove the last sign-in."""
    with write_transaction():
        links, locked = lock_links(user.pk)
        link = next((link for link in links if link.pk == link_id), None)
        if link is None:
            raise SignInError("this account in Cognito is not linked to the user", code="not_linked")
        # A pool that is no longer configured has no sign-in, nor has a user who is disabled or deleted in Cognito.
        others = [other for other in links if other is not link and pools.find(other.user_pool_id) is not None]
        others = [other for other in others if is_disabled(link) or not is_disabled(other)]
        # Django calls an empty password usable, which `objects.create()` leaves.
        if not others and not (locked.password and locked.has_usable_password()):
            raise SignInError("the user has no other linked account and no password", code="last_way_in")
        link.delete()
        # If the request saves the object later, the flags that the link had granted must not be written back.
        user.refresh_from_db(using=router.db_for_write(type(user)))
