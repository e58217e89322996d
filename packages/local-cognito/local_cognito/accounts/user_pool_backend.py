"""moto's user pools of one region, with the rules of AWS that moto does not have. Not thread-safe: the caller locks."""

from collections.abc import Callable
from typing import Any

from moto.cognitoidp.exceptions import UserNotFoundError
from moto.cognitoidp.models import (
    CognitoIdpBackend,
    CognitoIdpUser,
    CognitoIdpUserPool,
    CognitoIdpUserPoolAttribute,
)
from moto.core.models import DEFAULT_ACCOUNT_ID

from .moto_private_key import cached_private_key
from .user_table import UserTable

# AWS API reference, UpdateUserPool: it has no such parameters. moto forgets what an update does not contain.
_IMMUTABLE = ("AliasAttributes", "UsernameAttributes", "UsernameConfiguration")


class UserPoolBackend(CognitoIdpBackend):
    """The pools of a region. Each pool has all standard attributes and a UserTable.

    moto's operations find a user by each name that AWS accepts: `admin_get_user`.
    """

    def __init__(self, region: str, now: Callable[[], float]) -> None:
        super().__init__(region, DEFAULT_ACCOUNT_ID)
        self._now = now

    def add_user_pool(self, pool: CognitoIdpUserPool) -> None:
        """Add a pool without users."""
        for name, schema in CognitoIdpUserPoolAttribute.STANDARD_SCHEMA.items():
            if name not in pool.schema_attributes:
                pool.schema_attributes[name] = CognitoIdpUserPoolAttribute(name, False, schema)
        pool.users = UserTable(pool, self._now)
        self.user_pools[pool.id] = pool

    def create_user_pool(self, name: str, extended_config: dict[str, Any]) -> CognitoIdpUserPool:
        """Run CreateUserPool."""
        with cached_private_key():
            pool = super().create_user_pool(name, extended_config)
        self.add_user_pool(pool)
        return pool

    def update_user_pool(self, user_pool_id: str, extended_config: dict[str, Any]) -> None:
        """Run UpdateUserPool."""
        former = self.describe_user_pool(user_pool_id).extended_config
        immutable = {key: former[key] for key in _IMMUTABLE if key in former}
        super().update_user_pool(user_pool_id, {**extended_config, **immutable})

    def admin_get_user(self, user_pool_id: str, username: str) -> CognitoIdpUser:
        """Return the user with this username, alias or `sub`. All operations of moto use it."""
        user = self._table(user_pool_id).find(username, accepts_sub=True)
        if user is None:
            raise UserNotFoundError("User does not exist.")
        return user

    def admin_confirm_sign_up(self, user_pool_id: str, username: str) -> str:
        """Run AdminConfirmSignUp."""
        result = super().admin_confirm_sign_up(user_pool_id, username)
        self._table(user_pool_id).mark_modified(self.admin_get_user(user_pool_id, username))
        return result

    def admin_set_user_password(self, user_pool_id: str, username: str, password: str, permanent: bool) -> None:
        """Run AdminSetUserPassword."""
        super().admin_set_user_password(user_pool_id, username, password, permanent)
        self._table(user_pool_id).mark_modified(self.admin_get_user(user_pool_id, username))

    def _table(self, user_pool_id: str) -> UserTable:
        return table_of(self.describe_user_pool(user_pool_id))


def table_of(pool: CognitoIdpUserPool) -> UserTable:
    """Return the users of a pool that a UserPoolBackend contains."""
    if not isinstance(pool.users, UserTable):
        raise TypeError(f"the pool {pool.id} was not added by a UserPoolBackend")
    return pool.users
