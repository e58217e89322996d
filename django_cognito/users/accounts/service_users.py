"""Service users: the Django users of machine-to-machine clients, by SERVICE_USERS. Must not write to the database.

A service user is an ordinary user: active, neither staff nor superuser, and not linked to a Cognito user. The tokens of
a client with another user are rejected: no mistake in a setting gives a program the rights of an administrator.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import router

from ...authorization.rights import Rights, set_rights
from ...conf.loading import get_pool_registry
from ...core import ClientToken
from ...core.errors import TokenError
from ...models import CognitoUser
from ..lookup import get_read_alias
from ..save_protection import protect_unread_changes


class ServiceUser(NamedTuple):
    """A service user as it was read from the database `using`. `new_user()` returns another instance of the row."""

    user: Any
    rights: Rights
    new_user: Callable[[], Any]
    using: str


def get_service_username(token: ClientToken) -> str:
    """Return the username that SERVICE_USERS of the token's own pool has for its client; empty if it has none."""
    settings = get_pool_registry().find(token.user_pool_id)
    return "" if settings is None else settings.service_users.get(token.client_id, "")


def is_service_user(user: Any) -> bool:
    """Return whether SERVICE_USERS of any pool has this user. No query."""
    return str(user.get_username()) in get_pool_registry().service_usernames


def is_unlinked_service_user(user: Any) -> bool:
    """Return whether SERVICE_USERS has this user and it is not linked: only then the tokens of its client have it.

    No query for another user, one for a user of SERVICE_USERS.
    """
    using = router.db_for_write(CognitoUser)
    return is_service_user(user) and not CognitoUser.objects.using(using).filter(user_id=user.pk).exists()


def read_service_user(token: ClientToken, username: str) -> ServiceUser:
    """Return the service user of a verified token, with the rights of the token. One query.

    Raises TokenError: code "user_inactive" for a disabled account; "service_user_rejected" if no user has exactly this
    username, or the user is staff, a superuser or linked to a Cognito user.
    """
    using, write_alias = get_read_alias(), router.db_for_write(CognitoUser)
    new_user = fetch_service_user(username, using)
    if new_user is None and using != write_alias:  # a replica may lag
        using, new_user = write_alias, fetch_service_user(username, write_alias)
    user: Any = None if new_user is None else new_user()
    problem = find_problem(user)
    if new_user is None or problem:
        message = f"SERVICE_USERS maps the app client {token.client_id} to {username!r}: {problem}"
        raise TokenError(message, code="service_user_rejected")
    if not user.is_active:
        raise TokenError("the account of this client is disabled on this site", code="user_inactive")
    rights = Rights(scopes=token.scopes, scope_pool=token.user_pool_id)
    set_rights(user, rights)
    if using != write_alias:
        protect_unread_changes(user)  # `user.save()` must not write removed flags back
    return ServiceUser(user, rights, new_user, using)


def fetch_service_user(username: str, using: str) -> Callable[[], Any] | None:
    """Return a function that creates an instance of the one user without a link who has this username. One query.

    None if there is no such user. Names are compared in Python too: a database may treat names as equal that differ in
    case or accents.
    """
    model: Any = get_user_model()
    names = [field.attname for field in model._meta.concrete_fields]
    users = model._base_manager.using(using).filter(**{model.USERNAME_FIELD: username}, cognito_users=None)
    index = names.index(model._meta.get_field(model.USERNAME_FIELD).attname)
    rows = [row for row in users.values_list(*names) if str(row[index]) == username]
    return (lambda: model.from_db(using, names, deepcopy(rows[0]))) if len(rows) == 1 else None


def find_problem(user: Any | None) -> str:
    """Return why `user` cannot be a service user, or that there is none; empty if it can."""
    if user is None:
        return "there is no such user, or it is linked to a Cognito user"
    is_privileged = getattr(user, "is_staff", False) or getattr(user, "is_superuser", False)
    return "the user is staff or a superuser" if is_privileged else ""


def describe_problem(username: str, using: str) -> str:
    """Return why the tokens of a client with this service user are rejected; empty if they are accepted. One query."""
    new_user = fetch_service_user(username, using)
    user: Any = None if new_user is None else new_user()
    return find_problem(user) or ("" if user.is_active else "the user is inactive")
