"""The user behind a machine's token: scopes, and nobody who could be saved."""

from collections.abc import Iterable
from typing import Any, NoReturn

from django.contrib.auth.models import Group, Permission
from django.db.models.manager import EmptyManager

from ..authorization.rights import Rights, carry, rights_of
from ..conf.loading import get_pool_registry
from ..core import ClientToken


class MachineUser:
    """A machine that calls with `client_credentials`: authenticated, with scopes, without a row.

    `pk` is the app client's id, so that throttles and logs tell machines apart.
    """

    is_active = True
    is_anonymous = False
    is_authenticated = True
    is_staff = False
    is_superuser = False
    groups = EmptyManager(Group)
    user_permissions = EmptyManager(Permission)

    def __init__(self, token: ClientToken) -> None:
        self.pk = self.id = self.username = token.client_id
        self._user_pool_id = token.user_pool_id
        carry(self, Rights(scopes=token.scopes))

    def __str__(self) -> str:
        return self.username

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MachineUser) and other.pk == self.pk

    def __hash__(self) -> int:
        return hash(self.pk)

    def get_username(self) -> str:
        """The app client's id."""
        return self.username

    def get_all_permissions(self, obj: Any = None) -> set[str]:
        """The permissions that the machine's scopes give by SCOPES_TO_PERMISSIONS; none for a single object."""
        found = get_pool_registry().find(self._user_pool_id, self.username)
        given = found.scopes_to_permissions if found is not None else {}
        scopes = rights_of(self).scopes if obj is None else ()
        return set().union(*(given[scope] for scope in scopes if scope in given))

    get_group_permissions = get_all_permissions

    def get_user_permissions(self, obj: Any = None) -> set[str]:
        """None of its own: a machine has scopes."""
        return set()

    async def aget_all_permissions(self, obj: Any = None) -> set[str]:
        """As `get_all_permissions`."""
        return self.get_all_permissions(obj)

    aget_group_permissions = aget_all_permissions

    async def aget_user_permissions(self, obj: Any = None) -> set[str]:
        """As `get_user_permissions`."""
        return set()

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Whether one of the machine's scopes gives `perm`."""
        return perm in self.get_all_permissions(obj)

    async def ahas_perm(self, perm: str, obj: Any = None) -> bool:
        """As `has_perm`."""
        return self.has_perm(perm, obj)

    def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        """Whether its scopes give every permission of the list."""
        return all(self.has_perm(perm, obj) for perm in perm_list)

    async def ahas_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        """As `has_perms`."""
        return self.has_perms(perm_list, obj)

    def has_module_perms(self, app_label: str) -> bool:
        """Whether its scopes give any permission of the app."""
        return any(perm.startswith(f"{app_label}.") for perm in self.get_all_permissions())

    async def ahas_module_perms(self, app_label: str) -> bool:
        """As `has_module_perms`."""
        return self.has_module_perms(app_label)

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: nobody is behind a machine's token."""
        raise NotImplementedError("a MachineUser has no row")

    delete = set_password = check_password = save
