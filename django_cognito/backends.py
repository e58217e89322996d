"""Django's authentication backend: tokens become users, Cognito groups become permissions.

The rules are in `users.authentication` and `authorization`.
"""

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import Permission
from django.db import router
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest

from .authorization import group_mapping
from .authorization.group_expiry import newest_expired_as_of
from .authorization.rights import aget_rights, get_mapped_permissions, get_rights, may_be_granted
from .conf.loading import get_pool_registry
from .core import ClientToken
from .core.errors import TokenError
from .core.tracebacks import clear_frame_locals
from .models import CognitoMembership
from .sessions.session_user import take_offered_user
from .users.accounts.service_users import is_service_user, is_unlinked_service_user
from .users.authentication import aauthenticate, authenticate
from .users.writing.provisioning import Token
from .web.pool_selection import aget_accepted_pool_ids, get_accepted_pool_ids


class CognitoBackend(BaseBackend):
    """The authentication backend. List it in AUTHENTICATION_BACKENDS before ModelBackend."""

    @clear_frame_locals
    def authenticate(self, request: HttpRequest | None, cognito_token: str) -> Any | None:  # type: ignore[override]
        """Verify a raw token and return its active user; None if the token is rejected.

        None for the token of a machine-to-machine client too: the result is for `login()`, whose session would outlive
        the token. Raises CognitoUnavailableError if Cognito cannot be reached: an outage is not a rejection.
        """
        try:
            accepted = None if request is None else get_accepted_pool_ids(request)
            return _accept_user(*authenticate(cognito_token, user_pool_ids=accepted))
        except TokenError:
            return None

    @clear_frame_locals
    async def aauthenticate(self, request: HttpRequest | None, cognito_token: str) -> Any | None:  # type: ignore[override]
        """Async version of `authenticate`."""
        try:
            accepted = None if request is None else await aget_accepted_pool_ids(request)
            return _accept_user(*await aauthenticate(cognito_token, user_pool_ids=accepted))
        except TokenError:
            return None

    def get_user(self, user_id: Any) -> Any | None:
        """Return the active user of a session; None if there is none, it is disabled or it is a service user.

        Reads the database that is used for writes. A replica that lags may not have the user yet, or may have an old
        password hash, for which Django would end the session, and flags that have been removed. No query if the user
        was read with the session's login.
        """
        user = take_offered_user(user_id)
        if user is None:
            user = _written_users().filter(pk=user_id).first()
            if user is not None and is_unlinked_service_user(user):
                return None
        return user if user is not None and user.is_active else None

    async def aget_user(self, user_id: Any) -> Any | None:
        """Async version of `get_user`."""
        user = take_offered_user(user_id)
        if user is None:
            user = await _written_users().filter(pk=user_id).afirst()
            if user is not None and is_service_user(user) and await sync_to_async(is_unlinked_service_user)(user):
                return None
        return user if user is not None and user.is_active else None

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Return the permissions of the user's Cognito groups, as "app_label.codename"; none for an object.

        Of a service user, those of the token's scopes.
        """
        return set() if obj is not None else set(get_mapped_permissions(get_rights(user_obj)))

    async def aget_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Async version of `get_group_permissions`."""
        if obj is not None:
            return set()
        return set(get_mapped_permissions(await aget_rights(user_obj)))

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Return whether one of the user's Cognito groups grants `perm`; of a service user, one of the token's scopes.

        No query if the rights are set on the user, or if no group of GROUPS grants `perm`.
        """
        if obj is not None or not may_be_granted(user_obj, permission=perm):
            return False
        return perm in get_mapped_permissions(get_rights(user_obj))

    async def ahas_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Async version of `has_perm`."""
        if obj is not None or not may_be_granted(user_obj, permission=perm):
            return False
        return perm in get_mapped_permissions(await aget_rights(user_obj))

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """Return whether `get_group_permissions` has any permission of the app."""
        return may_be_granted(user_obj, app_label=app_label) and _in_app(
            self.get_group_permissions(user_obj), app_label
        )

    async def ahas_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """Async version of `has_module_perms`."""
        return may_be_granted(user_obj, app_label=app_label) and _in_app(
            await self.aget_group_permissions(user_obj), app_label
        )

    def with_perm(
        self, perm: str | Permission, is_active: bool | None = True, include_superusers: bool = True, obj: Any = None
    ) -> QuerySet[Any]:
        """Return the users whose stored Cognito groups grant `perm`; with `include_superusers` the superusers too.

        A group grants by the GROUPS of its own pool. Groups that have expired grant nothing.
        """
        users = get_user_model()._default_manager.all()
        if obj is not None:
            return users.none()
        if not isinstance(perm, str | Permission):
            raise TypeError('a permission is "app_label.codename", or a Permission')
        if isinstance(perm, str) and perm.count(".") != 1:
            raise ValueError('a permission is "app_label.codename", or a Permission')
        permission = perm if isinstance(perm, str) else f"{perm.content_type.app_label}.{perm.codename}"
        conditions = Q()
        for pool in {pool.user_pool_id: pool for pool in get_pool_registry().by_alias.values()}.values():
            names = group_mapping.groups_granting(permission, pool)
            conditions |= Q(cognito_user__user_pool_id=pool.user_pool_id, name__in=names)
        memberships = CognitoMembership.objects.filter(conditions, cognito_user__user=OuterRef("pk"))
        if (limit := newest_expired_as_of()) is not None:
            memberships = memberships.filter(cognito_user__as_of__gt=limit)
        is_granted = Q(Exists(memberships))
        if include_superusers:
            is_granted |= Q(is_superuser=True)
        return users.filter(is_granted) if is_active is None else users.filter(is_granted, is_active=is_active)


def _accept_user(user: Any, token: Token) -> Any | None:
    return None if isinstance(token, ClientToken) else user


def _written_users() -> QuerySet[Any]:
    model = get_user_model()
    return model._default_manager.using(router.db_for_write(model))


def _in_app(permissions: set[str], app_label: str) -> bool:
    return any(permission.startswith(f"{app_label}.") for permission in permissions)
