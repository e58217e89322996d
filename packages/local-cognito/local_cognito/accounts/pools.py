"""moto's user pools: the only place that knows how moto keeps pools, clients, people and groups."""

from collections.abc import Iterator
from typing import Any

from moto.cognitoidp.models import CognitoIdpBackend, CognitoIdpUser, CognitoIdpUserPool, UserStatus
from moto.core.models import DEFAULT_ACCOUNT_ID

from ..refusals import Refused
from . import password_policy
from .client_secrets import FormerSecrets
from .clients import AppClient, app_client
from .identity_providers import IdentityProvider, identity_provider
from .people import Group, Person, by_precedence


class Pools:
    """The user pools of one local Cognito, in backends of its own: two of them in one process share nothing.

    Not thread-safe, as moto is not: the caller locks.
    """

    def __init__(self) -> None:
        self._backends: dict[str, CognitoIdpBackend] = {}
        self._former_secrets = FormerSecrets()

    def backend(self, region: str) -> CognitoIdpBackend:
        """moto's backend of a region, made when first asked for."""
        if region not in self._backends:
            self._backends[region] = CognitoIdpBackend(region, DEFAULT_ACCOUNT_ID)
        return self._backends[region]

    def backend_of(self, pool: CognitoIdpUserPool) -> CognitoIdpBackend:
        """The backend that keeps `pool`."""
        return self.backend(pool.region)

    def __iter__(self) -> Iterator[CognitoIdpUserPool]:
        for backend in self._backends.values():
            yield from backend.user_pools.values()

    def find(self, pool_id: str) -> CognitoIdpUserPool | None:
        """The pool of that id."""
        return next((pool for pool in self if pool.id == pool_id), None)

    def get(self, pool_id: str) -> CognitoIdpUserPool:
        """The pool of that id. Raises Refused if there is none."""
        pool = self.find(pool_id)
        if pool is None:
            raise Refused("ResourceNotFoundException", f"User pool {pool_id} does not exist.")
        return pool

    def client(self, client_id: str) -> AppClient | None:
        """The app client of that id, whichever pool it belongs to."""
        for pool in self:
            if found := pool.clients.get(client_id):
                secret = found.secret if found.generate_secret else None
                former = self._former_secrets.of(client_id)
                return app_client(found.id, pool.id, secret, found.extended_config, _providers(pool), former)
        return None

    def replace_client_secret(self, client: AppClient, secret: str, keep_former_seconds: float) -> None:
        """Give a confidential client another secret; its present one stays valid for that many seconds."""
        found = self.get(client.pool_id).clients[client.id]
        self._former_secrets.add(client.id, found.secret, keep_former_seconds)
        found.secret = secret

    def user(self, pool_id: str, name: str) -> CognitoIdpUser | None:
        """moto's user whose username is `name`, or whose e-mail or telephone is, where the pool signs in by these."""
        pool = self.get(pool_id)
        by_username = pool.users.get(name)
        if by_username is not None:
            return by_username
        natives = [user for user in pool.users.values() if not is_external(user)]
        by_address = (user for user in natives if _is_named(user, name, _listed(pool, "UsernameAttributes")))
        by_alias = (user for user in natives if _has_alias(user, name, _listed(pool, "AliasAttributes")))
        return next(by_address, None) or next(by_alias, None)

    def user_by_alias(self, pool_id: str, attribute: str, value: str) -> CognitoIdpUser | None:
        """moto's user who signs in by that address, verified as theirs, where the pool has it for an alias."""
        pool = self.get(pool_id)
        aliases = tuple(name for name in _listed(pool, "AliasAttributes") if name == attribute)
        natives = (user for user in pool.users.values() if not is_external(user))
        return next((user for user in natives if _has_alias(user, value, aliases)), None)

    def user_by_sub(self, pool_id: str, sub: str) -> CognitoIdpUser | None:
        """moto's user with that `sub`."""
        pool = self.find(pool_id)
        return next((user for user in pool.users.values() if user.id == sub), None) if pool else None

    def person(self, user: CognitoIdpUser) -> Person:
        """moto's user as a value. An authenticator app counts only where the pool's MFA is on or optional."""
        has_mfa = self.get(user.user_pool_id).mfa_config != "OFF"
        return Person(
            pool_id=user.user_pool_id,
            sub=user.id,
            username=user.username,
            attributes={str(item["Name"]): str(item.get("Value", "")) for item in user.attributes},
            enabled=user.enabled,
            status=str(getattr(user.status, "value", user.status)),
            has_totp=has_mfa and user.software_token_mfa_enabled,
            memberships=by_precedence([_group(group) for group in user.groups]),
        )

    def get_user(self, person: Person) -> CognitoIdpUser:
        """moto's user behind a value. Raises Refused if it has been deleted."""
        user = self.user_by_sub(person.pool_id, person.sub)
        if user is None:
            raise Refused("UserNotFoundException", "User does not exist.")
        return user

    def set_password(self, person: Person, password: str) -> None:
        """Give the person a password of their own choice. Raises Refused if the pool's policy forbids it."""
        user = self.get_user(person)
        password_policy.require_conforming(self.get(person.pool_id).extended_config, password)
        user.password, user.status = password, UserStatus.CONFIRMED


EXTERNAL = "EXTERNAL_PROVIDER"


def is_external(user: CognitoIdpUser) -> bool:
    """Whether an identity provider signs the user in; moto's list of statuses has no such one."""
    return bool(user.status == EXTERNAL)


def _providers(pool: CognitoIdpUserPool) -> list[IdentityProvider]:
    return [identity_provider(each.name, each.extended_config) for each in pool.identity_providers.values()]


def _group(group: Any) -> Group:
    precedence = None if group.precedence is None else int(group.precedence)
    return Group(str(group.group_name), precedence, group.role_arn or None)


def _listed(pool: CognitoIdpUserPool, key: str) -> tuple[str, ...]:
    return tuple(pool.extended_config.get(key) or ())


def _is_named(user: CognitoIdpUser, name: str, attributes: tuple[str, ...]) -> bool:
    return any(user.attribute_lookup.get(attribute) == name for attribute in attributes)


def _has_alias(user: CognitoIdpUser, name: str, aliases: tuple[str, ...]) -> bool:
    """Whether somebody may sign in by an address: it must be verified, else anybody could claim anybody's."""
    return any(
        user.attribute_lookup.get(alias) == name
        and (alias == "preferred_username" or user.attribute_lookup.get(f"{alias}_verified", "").lower() == "true")
        for alias in aliases
    )
