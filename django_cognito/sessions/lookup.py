"""Read a session's login, its link row and its user with one query, whose SQL is compiled once for each database.

Must not depend on tokens or on the session.
"""

from contextlib import suppress
from functools import cache
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connections, router

from ..core.errors import SignInError
from ..db.compiled_query import CompiledQuery, Part
from ..models import CognitoLogin, CognitoUser
from .session_user import get_session_key

_ANY_ID = UUID(int=0)  # a placeholder while the SQL is compiled
_LOGIN, _LINK, _USER = range(3)  # the parts of a row


def fetch_login(login_id: Any, user_key: Any) -> CognitoLogin:
    """Return the login with this id, with its link row and the Django user of the link. One query.

    `user_key` is the user's primary key as the session stores it. The database for writes is read: a replica that lags
    does not have a new login yet, which would sign the user out.
    Raises SignInError (code "login_ended") if there is none, if it has ended, or if it is another user's.
    """
    query = _get_query(router.db_for_write(CognitoLogin))
    row = None
    with suppress(ValidationError):  # not a UUID
        value = CognitoLogin._meta.pk.get_db_prep_value(login_id, connections[query.using])
        row = query.fetch_row([value for _ in query.parameters])
    if row is not None:
        login, link, user = (query.create_instance(row, part) for part in (_LOGIN, _LINK, _USER))
        if user_key == get_session_key(user):
            link.user, login.cognito_user = user, link
            return login  # type: ignore[no-any-return]
    raise SignInError("the login has ended", code="login_ended")


@cache
def _get_query(using: str) -> CompiledQuery:
    logins = CognitoLogin.objects.active().filter(pk=_ANY_ID)
    user_model = CognitoUser._meta.get_field("user").related_model
    return CompiledQuery(
        using,
        logins,
        Part.of_all_fields(CognitoLogin),
        Part.of_all_fields(CognitoUser, "cognito_user__"),
        Part.of_all_fields(user_model, "cognito_user__user__"),
    )
