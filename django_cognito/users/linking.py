"""One Django user, several people of Cognito: a native account and a federated one, say. Linked on purpose alone.

An address is no proof: whoever links has signed in as both.
"""

from functools import partial
from typing import Any

from django.db import router

from ..conf.loading import get_pool_registry
from ..core import AccessToken, IdToken
from ..core.errors import SignInError, TokenError
from ..db.transactions import retry_conflicts, write_transaction
from ..signals import report_rejected_token
from .claim_sources import statement_of
from .provisioning import link_person
from .unlinking import lock_links


def link(user: Any, token: AccessToken, profile: IdToken | None) -> None:
    """Let the person of verified tokens be `user` from now on, beside those of Cognito that are already.

    Raises TokenError (code "linked_elsewhere") where they are somebody else here; tells of it.
    """
    try:
        link_person(statement_of(token, profile, get_pool_registry().for_token(token.user_pool_id)), user)
    except TokenError as error:
        error.user_pool_id, error.client_id = token.user_pool_id, token.client_id
        report_rejected_token(error)
        raise


def unlink(user: Any, link_id: int) -> None:
    """Remove one of the links of `user`, with what its groups granted and its logins.

    Raises SignInError: code "not_linked" if the link is not one of theirs, "last_way_in" if they could not sign in
    afterwards.
    """
    retry_conflicts(partial(_unlink, user, link_id))


def _unlink(user: Any, link_id: int) -> None:
    with write_transaction():
        links, locked = lock_links(user.pk)
        link = next((each for each in links if each.pk == link_id), None)
        if link is None:
            raise SignInError("no such account in Cognito is linked to this user", code="not_linked")
        # Nobody signs in at a pool that is configured no longer.
        registry = get_pool_registry()
        others = [each for each in links if each is not link and registry.find(each.user_pool_id) is not None]
        if not others and not locked.has_usable_password():
            raise SignInError("without it nobody could sign in as this user", code="last_way_in")
        link.delete()
        # Whoever saves the object in the rest of the request must not write back what the link had granted.
        user.refresh_from_db(using=router.db_for_write(type(user)))
