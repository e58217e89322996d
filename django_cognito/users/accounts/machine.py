"""The user object of a machine-to-machine token: it has scopes and no row. Must not write to the database."""

from collections.abc import Iterable
from typing import Any, NoReturn

from django.contrib.auth.models import Group, Permission
from django.db.models.manager import EmptyManager

from ...authorization.rights import Rights, get_mapped_permissions, get_rights, set_rights
from ...conf.loading import get_pool_registry
from ...core import ClientToken


class MachineUser:
    """A client of the `client_credentials` grant: authenticated, with scopes, without a row.

    `pk`, `id` and `username` are the app client id, so that throttles and logs can distinguish the clients. If several
    user pools have a client with this id, `pk` and `id` begin with the id of the user pool.
    It has the attributes of Django's AnonymousUser and the names of AbstractUser. It has no `email`: an empty one would
    equal the empty email address of a row.
    """

    is_active = True
    is_anonymous = False
    is_authenticated = True
    is_staff = False
    is_superuser = False
    first_name = last_name = ""
    groups = EmptyManager(Group)
    user_permissions = EmptyManager(Permission)

    def __init__(self, token: ClientToken) -> None:
        self.username = token.client_id
        is_shared = get_pool_registry().is_client_id_shared(token.client_id)
        self.pk = self.id = f"{token.user_pool_id}/{token.client_id}" if is_shared else token.client_id
        set_rights(self, Rights(scopes=token.scopes, scope_pool=token.user_pool_id))

    def __str__(self) -> str:
        return self.username

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MachineUser) and other.pk == self.pk

    def __hash__(self) -> int:
        return hash(self.pk)

    def get_username(self) -> str:
        """Return the app client id."""
        return self.username

    def get_full_name(self) -> str:
        """Return an empty string, as of a user without a name; so does `get_short_name`."""
        return ""

    get_short_name = get_full_name

    def get_all_permissions(self, obj: Any = None) -> set[str]:
        """Return the permissions of the scopes by SCOPES_TO_PERMISSIONS; an empty set for a single object."""
        return set() if obj is not None else set(get_mapped_permissions(get_rights(self)))

    get_group_permissions = get_all_permissions

    def get_user_permissions(self, obj: Any = None) -> set[str]:
        """Return an empty set: all permissions come from scopes."""
        return set()

    async def aget_all_permissions(self, obj: Any = None) -> set[str]:
        """Async version of `get_all_permissions`."""
        return self.get_all_permissions(obj)

    aget_group_permissions = aget_all_permissions

    async def aget_user_permissions(self, obj: Any = None) -> set[str]:
        """Async version of `get_user_permissions`."""
        return set()

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Return whether one of the scopes grants `perm`."""
        return perm in self.get_all_permissions(obj)

    async def ahas_perm(self, perm: str, obj: Any = None) -> bool:
        """Async version of `has_perm`."""
        return self.has_perm(perm, obj)

    def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        """Return whether the scopes grant every permission of `perm_list`."""
        return all(self.has_perm(perm, obj) for perm in perm_list)

    async def ahas_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        """Async version of `has_perms`."""
        return self.has_perms(perm_list, obj)

    def has_module_perms(self, app_label: str) -> bool:
        """Return whether the scopes grant any permission of the app."""
        return any(perm.startswith(f"{app_label}.") for perm in self.get_all_permissions())

    async def ahas_module_perms(self, app_label: str) -> bool:
        """Async version of `has_module_perms`."""
        return self.has_module_perms(app_label)

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise NotImplementedError: a machine-to-machine client has no row."""
        raise NotImplementedError("a MachineUser has no row")

    delete = set_password = check_password = save
