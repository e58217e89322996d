"""One Django user, several people of Cognito: a native account and a federated one, say. Linked on purpose alone.

An address is no proof: whoever links has signed in as both.
"""

from typing import Any

from ..conf import settings_of
from ..core import AccessToken, IdToken
from ..core.errors import SignInError, TokenError
from ..models import CognitoUser
from ..signals import tell_of_refusal
from .profile import statement_of
from .users import link_person, unlink_person


def link(user: Any, token: AccessToken, profile: IdToken | None) -> None:
    """Let the person of verified tokens be `user` from now on, beside those of Cognito that are already.

    Raises TokenError (code "linked_elsewhere") where they are somebody else here; tells of it.
    """
    try:
        link_person(statement_of(token, profile, settings_of(token.user_pool_id)), user)
    except TokenError as error:
        error.user_pool_id, error.client_id = token.user_pool_id, token.client_id
        tell_of_refusal(error)
        raise


def unlink(user: Any, link_id: int) -> None:
    """Take one of the people of Cognito from `user`, with what its groups gave and its logins.

    Raises SignInError: code "not_linked" where it is none of theirs, "last_way_in" where nobody could sign in as them
    afterwards.
    """
    links = list(CognitoUser.objects.filter(user=user))
    mine = next((each for each in links if each.pk == link_id), None)
    if mine is None:
        raise SignInError("no such account in Cognito is linked to this user", code="not_linked")
    if len(links) == 1 and not user.has_usable_password():
        raise SignInError("without it nobody could sign in as this user", code="last_way_in")
    unlink_person(mine)
