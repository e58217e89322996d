"""moto's user pools, as values. With `user_table`, the only module that depends on how moto stores pools, clients,
users and groups.
"""

from collections.abc import Callable, Iterator

from moto.cognitoidp.models import CognitoIdpUser, CognitoIdpUserPool, CognitoIdpUserPoolClient, UserStatus

from ..clock import unix_time
from ..errors import ServiceError
from . import password_policy
from .client_secrets import FormerSecrets
from .clients import AppClient, app_client
from .identity_providers import identity_provider
from .user_pool_backend import UserPoolBackend, table_of
from .user_table import UserTable
from .users import Group, User, by_precedence


class Pools:
    """The user pools of one local Cognito, in their own moto backends: two instances in one process share nothing.

    Not thread-safe, like moto: the caller locks.
    """

    def __init__(self, now: Callable[[], float] = unix_time) -> None:
        self._now = now
        self._backends: dict[str, UserPoolBackend] = {}
        self._former_secrets = FormerSecrets()

    def backend(self, region: str) -> UserPoolBackend:
        """Return moto's backend of a region; it is created on first use."""
        if region not in self._backends:
            self._backends[region] = UserPoolBackend(region, self._now)
        return self._backends[region]

    def backend_of(self, pool: CognitoIdpUserPool) -> UserPoolBackend:
        """Return the backend that contains `pool`."""
        return self.backend(pool.region)

    def __iter__(self) -> Iterator[CognitoIdpUserPool]:
        for backend in self._backends.values():
            yield from backend.user_pools.values()

    def find(self, pool_id: str) -> CognitoIdpUserPool | None:
        """Return the pool with this id, or None."""
        return next((pool for pool in self if pool.id == pool_id), None)

    def get(self, pool_id: str) -> CognitoIdpUserPool:
        """Return the pool with this id. Raises ServiceError if it does not exist."""
        pool = self.find(pool_id)
        if pool is None:
            raise ServiceError("ResourceNotFoundException", f"User pool {pool_id} does not exist.")
        return pool

    def table(self, pool_id: str) -> UserTable:
        """Return moto's users of the pool. Raises ServiceError if it does not exist."""
        return table_of(self.get(pool_id))

    def client(self, client_id: str) -> AppClient | None:
        """Return the app client with this id, in any pool, or None."""
        for pool in self:
            if moto_client := pool.clients.get(client_id):
                return self._to_client(pool, moto_client)
        return None

    def clients(self) -> Iterator[AppClient]:
        """Yield the app clients of all pools."""
        for pool in self:
            yield from (self._to_client(pool, moto_client) for moto_client in pool.clients.values())

    def users(self, pool_id: str) -> Iterator[User]:
        """Yield the users of a pool, in the order of their creation. Raises ServiceError if the pool does not exist."""
        yield from (self.to_user(moto_user) for moto_user in self.get(pool_id).users.values())

    def replace_client_secret(self, client: AppClient, secret: str, keep_former_seconds: float) -> None:
        """Replace the secret of a confidential client; the previous one stays valid for `keep_former_seconds`."""
        moto_client = self.get(client.pool_id).clients[client.id]
        self._former_secrets.add(client.id, moto_client.secret, keep_former_seconds)
        moto_client.secret = secret

    def find_moto_user(self, pool_id: str, name: str, *, accepts_sub: bool = False) -> CognitoIdpUser | None:
        """Return moto's user with this username, or with this email address or phone number if the pool allows it, or
        None. With `accepts_sub`, also the local user with this `sub`.
        """
        return self.table(pool_id).find(name, accepts_sub=accepts_sub)

    def find_moto_user_by_sub(self, pool_id: str, sub: str) -> CognitoIdpUser | None:
        """Return moto's user with this `sub`, or None."""
        pool = self.find(pool_id)
        return table_of(pool).find_by_sub(sub) if pool else None

    def to_user(self, moto_user: CognitoIdpUser) -> User:
        """Return moto's user as a value. `has_totp` is only set if the pool's MFA is on or optional."""
        has_mfa = self.get(moto_user.user_pool_id).mfa_config != "OFF"
        return User(
            pool_id=moto_user.user_pool_id,
            sub=moto_user.id,
            username=moto_user.username,
            attributes={str(item["Name"]): str(item.get("Value", "")) for item in moto_user.attributes},
            enabled=moto_user.enabled,
            status=str(getattr(moto_user.status, "value", moto_user.status)),
            has_totp=has_mfa and moto_user.software_token_mfa_enabled,
            memberships=by_precedence(
                [
                    Group(
                        str(group.group_name),
                        None if group.precedence is None else int(group.precedence),
                        group.role_arn or None,
                    )
                    for group in moto_user.groups
                ]
            ),
        )

    def get_moto_user(self, user: User) -> CognitoIdpUser:
        """Return moto's user of a value. Raises ServiceError if the user was deleted."""
        moto_user = self.find_moto_user_by_sub(user.pool_id, user.sub)
        if moto_user is None:
            raise ServiceError("UserNotFoundException", "User does not exist.")
        return moto_user

    def set_password(self, user: User, password: str) -> None:
        """Set a permanent password. Raises ServiceError if it does not conform to the pool's policy."""
        moto_user = self.get_moto_user(user)
        password_policy.require_conforming(self.get(user.pool_id).extended_config, password)
        moto_user.password, moto_user.status = password, UserStatus.CONFIRMED
        self.table(user.pool_id).mark_modified(moto_user)

    def _to_client(self, pool: CognitoIdpUserPool, moto_client: CognitoIdpUserPoolClient) -> AppClient:
        secret = moto_client.secret if moto_client.generate_secret else None
        providers = [
            identity_provider(provider.name, provider.extended_config) for provider in pool.identity_providers.values()
        ]
        former = self._former_secrets.of(moto_client.id)
        return app_client(moto_client.id, pool.id, secret, moto_client.extended_config, providers, former)
