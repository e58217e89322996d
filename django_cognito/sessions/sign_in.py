"""Start the Cognito login of a session. Must not depend on views or on `request.cognito`."""

from functools import partial
from typing import Any

from django.contrib import auth
from django.db import router
from django.http import HttpRequest

from ..core import AccessToken
from ..core.errors import SignInError
from ..core.hosted_ui import TokenSet
from ..db.transactions import retry_conflicts, write_transaction
from ..models import CognitoLogin, CognitoUser
from ..signals import send_signed_in
from ..users.revocation import check_link
from .browsers.client_details import store_client_details
from .ending.sign_out import end_login, revoke_refresh_tokens
from .session_user import flush_session_of_another_user
from .store import SESSION_KEY, get_expiry, get_sign_in_id
from .stored_tokens import set_tokens

_BACKEND = "django_cognito.backends.CognitoBackend"


def start_login(request: HttpRequest, user: Any, token: AccessToken, tokens: TokenSet) -> CognitoLogin:
    """Store the tokens, sign `user` in with Django's `login()`, and return the new login.

    An earlier login of the session is ended. The session and `request.cognito` refer to the new login before
    `user_logged_in` is sent.
    Raises SignInError (code "link_interrupted") if the account was unlinked or deleted meanwhile, RevokedTokenError if
    the user signed out everywhere meanwhile; nothing is changed.
    """
    login = retry_conflicts(partial(_insert_login, token, tokens, request))
    try:
        end_login(request.session, request=request)
        key = request.session.session_key
        flush_session_of_another_user(request.session, user)
        request.session[SESSION_KEY] = str(login.id)
        if (cognito := getattr(request, "cognito", None)) is not None:
            cognito.set_login(user, token, login)
        auth.login(request, user, backend=_BACKEND)
        if request.session.session_key == key:
            request.session.cycle_key()  # Django keeps the key of a user who signs in again
    except Exception:  # of TENANT, a receiver or the session store: no session will refer to the login
        revoke_refresh_tokens(login)
        raise
    send_signed_in(user, login.cognito_user, request, router.db_for_write(CognitoLogin))
    return login


def _insert_login(token: AccessToken, tokens: TokenSet, request: HttpRequest) -> CognitoLogin:
    """Store a new login for the link row of `token` and return it.

    The link row is locked: if it were deleted in the meantime, the login could not be stored.

    Raises SignInError (code "link_interrupted") if there is no link row.
    """
    # A replica may not have the row yet: it can be as new as this request.
    links = CognitoUser.objects.using(router.db_for_write(CognitoUser))
    with write_transaction():
        link = links.select_for_update().filter(user_pool_id=token.user_pool_id, sub=token.sub).first()
        if link is None:
            raise SignInError("the account was unlinked or deleted during the sign-in", code="link_interrupted")
        check_link(link, token)
        login = CognitoLogin(cognito_user=link, expires_at=get_expiry(token, tokens))
        login.origin_jti = get_sign_in_id(token)
        set_tokens(login, tokens)
        store_client_details(login, request)
        login.save(force_insert=True)
    return login
