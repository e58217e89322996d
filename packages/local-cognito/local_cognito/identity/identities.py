"""Who is who in the identity pools, and the credentials of their roles. Every caller holds the lock.

Source: AWS API reference, "GetId", "GetCredentialsForIdentity".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..aws.account import AccessKey, Account
from ..refusals import Refused
from ..user_pool_service import Authority
from .identity_pool import IdentityPool
from .logins import claims_of_login
from .roles import bad_configuration, guest_role, role_of

Logins = Mapping[str, str]


@dataclass(frozen=True)
class _Login:
    """A login that a pool has taken."""

    pool: IdentityPool
    claims: Mapping[str, Any]

    @property
    def identity_id(self) -> str:
        return self.pool.identity_of(self.claims["sub"])


class Identities:
    """The identities of all pools. Those of people follow from their logins; guests are known until the end."""

    def __init__(self, pools: Sequence[IdentityPool], authority: Authority, account: Account) -> None:
        self._pools = {pool.id: pool for pool in pools}
        self._authority = authority
        self._account = account
        self._guests: dict[str, IdentityPool] = {}

    def identity(self, pool_id: str, logins: Logins) -> str:
        """The identity of a login, the same each time; without one a new guest's. Raises Refused."""
        pool = self._pools.get(pool_id)
        if pool is None:
            raise Refused("ResourceNotFoundException", f"IdentityPool '{pool_id}' not found.")
        if logins:
            return self._login(pool, logins).identity_id
        _require_guests(pool)
        guest = pool.new_guest()
        self._guests[guest] = pool
        return guest

    def credentials(self, identity_id: str, logins: Logins, role_arn: str | None) -> tuple[str, AccessKey]:
        """An identity, and credentials of its role. A guest who signs in becomes who they are. Raises Refused."""
        pool = self._pool_of(identity_id)
        if not logins:
            return identity_id, self._guest_credentials(identity_id)
        login = self._login(pool, logins)
        if login.identity_id != identity_id and identity_id not in self._guests:
            raise Refused(
                "NotAuthorizedException",
                "Logins don't match. Please include at least one valid login for this identity or identity pool.",
            )
        role = role_of(pool, login.claims, role_arn)
        return login.identity_id, self._session(pool, role, login.identity_id, pool.tags_of(login.claims))

    def _guest_credentials(self, identity_id: str) -> AccessKey:
        pool = self._guests.get(identity_id)
        if pool is None:
            raise Refused("NotAuthorizedException", f"Access to Identity '{identity_id}' is forbidden.")
        return self._session(pool, guest_role(pool), identity_id, {})

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
            raise Refused("NotAuthorizedException", "Token is not from a supported provider of this identity pool.")
        return _Login(pool, claims_of_login(logins[pool.login_key], pool, self._authority))

    def _pool_of(self, identity_id: str) -> IdentityPool:
        """The pool that has the identity: a guest's, or that of anybody in its user pool."""
        if identity_id in self._guests:
            return self._guests[identity_id]
        for pool in self._pools.values():
            subs = (user.id for user in self._authority.pools.get(pool.user_pool_id).users.values())
            if any(pool.identity_of(sub) == identity_id for sub in subs):
                return pool
        raise Refused("ResourceNotFoundException", f"Identity '{identity_id}' not found.")


def _require_guests(pool: IdentityPool) -> None:
    if not pool.allows_guests:
        raise Refused("NotAuthorizedException", "Unauthenticated access is not supported for this identity pool.")
