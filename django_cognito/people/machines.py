"""The user behind a machine's token: scopes, and nobody who could be saved."""

from collections.abc import Iterable
from typing import Any, NoReturn

from django.contrib.auth.models import Group, Permission
from django.db.models.manager import EmptyManager

from ..core import ClientToken
from .rights import Rights, carry


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
        """None: a machine's rights are its scopes."""
        return set()

    get_user_permissions = get_group_permissions = get_all_permissions

    async def aget_all_permissions(self, obj: Any = None) -> set[str]:
        """As `get_all_permissions`."""
        return set()

    aget_user_permissions = aget_group_permissions = aget_all_permissions

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """False: a machine's rights are its scopes."""
        return False

    async def ahas_perm(self, perm: str, obj: Any = None) -> bool:
        """As `has_perm`."""
        return False

    def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        """False, but for an empty list."""
        return not list(perm_list)

    async def ahas_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        """As `has_perms`."""
        return self.has_perms(perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        """False: a machine's rights are its scopes."""
        return False

    async def ahas_module_perms(self, app_label: str) -> bool:
        """As `has_module_perms`."""
        return False

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: nobody is behind a machine's token."""
        raise NotImplementedError("a MachineUser has no row")

    delete = set_password = check_password = save
