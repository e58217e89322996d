"""Users of identity providers: created at their first sign-in, updated at each one; linked identities. No HTTP.

Source: AWS developer guide, "Adding user pool sign-in through a third party", "Specifying identity provider attribute
mappings", "Linking federated users to an existing user profile".
"""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus

from moto.cognitoidp.models import CognitoIdpUser, CognitoIdpUserPool

from ..accounts.identity_providers import IdentityProvider
from ..accounts.pools import Pools
from ..accounts.user_table import EXTERNAL
from ..accounts.users import User
from ..errors import ServiceError

_VALUE_MOST_CHARACTERS = 2048
_NEVER_MAPPED = frozenset({"sub", "identities", "cognito:user_status"})
_LINKED_MOST = 5  # AWS developer guide, "Quotas in Amazon Cognito"


class FederatedUsers:
    """The federated users of all pools. Its public methods acquire the lock and may be called from any thread."""

    def __init__(self, pools: Pools, lock: threading.RLock, now: Callable[[], float]) -> None:
        self._pools = pools
        self._lock = lock
        self._now = now

    def sign_in(self, pool_id: str, provider: IdentityProvider, claims: Mapping[str, Any]) -> User:
        """Create or update the user of the provider's `claims` and return it.

        Raises ServiceError("invalid_request").
        """
        with self._lock:
            pool, table, subject = self._pools.get(pool_id), self._pools.table(pool_id), str(claims["sub"])
            moto_user = table.find_by_identity(provider.name, subject)
            username = f"{provider.name}_{subject}" if table.is_case_sensitive else f"{provider.name}_{subject}".lower()
            if moto_user is None and table.find_by_username(username) is not None:
                # A user who signs up with such a name first must not get the sign-ins of the federated user.
                raise ServiceError("invalid_request", f"Another user already has the name {username}")
            attributes = map_attributes(provider.mapping, claims)
            complete = {**(moto_user.attribute_lookup if moto_user else {}), **attributes}
            required = [name for name, item in pool.schema_attributes.items() if item.required and name != "sub"]
            if missing := [name for name in required if not complete.get(name)]:
                raise ServiceError("invalid_request", f"attributes required: [{', '.join(missing)}]")
            if moto_user is None:
                moto_user = self._add_user(pool, username, provider, subject)
            # A blank claim deletes the attribute; a missing claim does not.
            changes = {
                name: value for name, value in attributes.items() if value != moto_user.attribute_lookup.get(name, "")
            }
            if changes:
                table.update_attributes(moto_user, changes)
            return self._pools.to_user(moto_user)

    def link(self, user: User, provider: IdentityProvider, subject: str) -> None:
        """Link an identity, which must not have signed in before, to a user, who can then sign in with it.

        Raises ServiceError.
        """
        with self._lock:
            table, moto_user = self._pools.table(user.pool_id), self._pools.get_moto_user(user)
            if table.find_by_identity(provider.name, subject) is not None:
                message = "Merging is not currently supported, provide a SourceUser that has not signed in before"
                raise ServiceError("InvalidParameterException", message)
            identities = json.loads(moto_user.attribute_lookup.get("identities") or "[]")
            if len(identities) >= _LINKED_MOST:
                message = f"A user has at most {_LINKED_MOST} linked identities"
                raise ServiceError("LimitExceededException", message)
            identities.append(self._identity(provider, subject, is_primary=False))
            table.update_attributes(moto_user, {"identities": _write(identities)})

    def unlink(self, pool_id: str, provider: str, subject: str) -> None:
        """Remove a linked identity from its user. Its next sign-in creates a user. Raises ServiceError."""
        with self._lock:
            table = self._pools.table(pool_id)
            moto_user = table.find_by_identity(provider, subject)
            if moto_user is None:
                raise ServiceError("UserNotFoundException", "User does not exist.")
            identities = json.loads(moto_user.attribute_lookup["identities"])
            others = [item for item in identities if (item["providerName"], item["userId"]) != (provider, subject)]
            if any(item["primary"] for item in identities if item not in others):
                raise ServiceError("InvalidParameterException", "The identity is not linked: it is that of the user")
            table.update_attributes(moto_user, {"identities": _write(others) if others else ""})

    def _identity(self, provider: IdentityProvider, subject: str, *, is_primary: bool) -> dict[str, Any]:
        return {
            "userId": subject,
            "providerName": provider.name,
            "providerType": provider.type,
            "issuer": provider.issuer if provider.type == "SAML" else None,
            "primary": is_primary,
            "dateCreated": int(self._now() * 1000),
        }

    def _add_user(
        self, pool: CognitoIdpUserPool, username: str, provider: IdentityProvider, subject: str
    ) -> CognitoIdpUser:
        """Create a federated user, a member of the group that Cognito creates for each identity provider."""
        identities = _write([self._identity(provider, subject, is_primary=True)])
        attributes = [{"Name": "identities", "Value": identities}]
        moto_user = CognitoIdpUser(pool.id, username, None, EXTERNAL, attributes)
        pool.users[username] = moto_user
        backend, group = self._pools.backend_of(pool), f"{pool.id}_{provider.name}"
        if group not in pool.groups:
            description = f"Autogenerated group for users who sign in using {provider.name}"
            # moto's signature requires numbers and strings, but its groups accept None.
            backend.create_group(pool.id, group, description, None, None)  # type: ignore[arg-type]
        backend.admin_add_user_to_group(pool.id, group, username)
        return moto_user


def map_attributes(mapping: Mapping[str, str], claims: Mapping[str, Any]) -> dict[str, str]:
    """Return the pool's attributes for the claims.

    An email address is only verified if that attribute is mapped too.
    """
    values = {
        attribute: _flat(claims[claim])
        for attribute, claim in mapping.items()
        if claims.get(claim) is not None and attribute not in _NEVER_MAPPED
    }
    fitting = {name: value for name, value in values.items() if len(value) <= _VALUE_MOST_CHARACTERS}
    unverified = {f"{name}_verified": "false" for name in ("email", "phone_number") if fitting.get(name)}
    return {**unverified, **fitting}


def _write(identities: list[dict[str, Any]]) -> str:
    return json.dumps(identities, separators=(",", ":"))


def _flat(value: Any) -> str:
    """Return a claim as the string value of an attribute; a list as `[a,b]`, each item form-encoded."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(quote_plus(_flat(item), safe='*') for item in value)}]"
    return json.dumps(value) if isinstance(value, dict) else str(value)
