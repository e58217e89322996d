"""The identities of the identity pools and the credentials of their roles. The caller holds the lock.

Source: AWS API reference, "GetId", "GetCredentialsForIdentity".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..aws.account import AccessKey, Account
from ..errors import ServiceError
from ..user_pool_service import UserPoolService
from .identity_pool import IdentityPool
from .logins import claims_of_login
from .roles import bad_configuration, guest_role, select_role

Logins = Mapping[str, str]


@dataclass(frozen=True)
class _Login:
    """A login that the identity pool accepted."""

    pool: IdentityPool
    claims: Mapping[str, Any]

    @property
    def identity_id(self) -> str:
        return self.pool.identity_of(self.claims["sub"])


class Identities:
    """The identities of all pools. A user's identity is computed from the login; a guest's is stored in memory."""

    def __init__(self, pools: Sequence[IdentityPool], service: UserPoolService, account: Account) -> None:
        self._pools = {pool.id: pool for pool in pools}
        self._service = service
        self._account = account
        self._guests: dict[str, IdentityPool] = {}
        self._pools_of_users: dict[str, IdentityPool] = {}  # of the identities that GetId returned

    def identity(self, pool_id: str, logins: Logins) -> str:
        """Return the identity of a login, which is always the same; without a login a new guest's.

        Raises ServiceError.
        """
        pool = self._pools.get(pool_id)
        if pool is None:
            raise ServiceError("ResourceNotFoundException", f"IdentityPool '{pool_id}' not found.")
        if logins:
            identity_id = self._login(pool, logins).identity_id
            self._pools_of_users[identity_id] = pool
            return identity_id
        if not pool.allows_guests:
            raise ServiceError(
                "NotAuthorizedException", "Unauthenticated access is not supported for this identity pool."
            )
        guest = pool.new_guest()
        self._guests[guest] = pool
        return guest

    def credentials(self, identity_id: str, logins: Logins, role_arn: str | None) -> tuple[str, AccessKey]:
        """Return an identity and credentials of its role. A guest who signs in gets the user's identity. Raises
        ServiceError.
        """
        pool = self._find_pool(identity_id)
        if not logins:
            if identity_id not in self._guests:
                raise ServiceError("NotAuthorizedException", f"Access to Identity '{identity_id}' is forbidden.")
            return identity_id, self._session(pool, guest_role(pool), identity_id, {})
        login = self._login(pool, logins)
        if login.identity_id != identity_id and identity_id not in self._guests:
            raise ServiceError(
                "NotAuthorizedException",
                "Logins don't match. Please include at least one valid login for this identity or identity pool.",
            )
        role = select_role(pool, login.claims, role_arn)
        return login.identity_id, self._session(pool, role, login.identity_id, pool.tags_of(login.claims))

    def _session(self, pool: IdentityPool, role: str, identity_id: str, tags: Mapping[str, str]) -> AccessKey:
        if not self._account.has_role(role):
            raise bad_configuration()
        values = {
            "cognito-identity.amazonaws.com:sub": identity_id,
            "cognito-identity.amazonaws.com:aud": pool.id,
            **{f"aws:PrincipalTag/{tag}": value for tag, value in tags.items()},
        }
        return self._account.begin_session(role, region=pool.region, seconds=pool.credentials_seconds, values=values)

    def _login(self, pool: IdentityPool, logins: Logins) -> _Login:
        if logins.keys() != {pool.login_key}:
            raise ServiceError(
                "NotAuthorizedException", "Token is not from a supported provider of this identity pool."
            )
        return _Login(pool, claims_of_login(logins[pool.login_key], pool, self._service))

    def _find_pool(self, identity_id: str) -> IdentityPool:
        """Return the pool with this identity: a guest's, or one of a user in its user pool. Raises ServiceError."""
        former = self._guests.get(identity_id) or self._pools_of_users.get(identity_id)
        if former is not None:
            return former
        # A client may have stored an identity before a restart.
        for pool in self._pools.values():
            subs = (moto_user.id for moto_user in self._service.pools.get(pool.user_pool_id).users.values())
            if any(pool.identity_of(sub) == identity_id for sub in subs):
                return pool
        raise ServiceError("ResourceNotFoundException", f"Identity '{identity_id}' not found.")
