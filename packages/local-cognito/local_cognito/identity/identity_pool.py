"""Identity pools as values, and the identities of their logins. Does not depend on tokens, policies or moto."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# AWS developer guide, "Using attributes for access control": the default mapping of a user pool.
DEFAULT_PRINCIPAL_TAGS: Mapping[str, str] = {"client": "aud", "username": "sub"}
_NAMESPACE = uuid.UUID("b3f2e2a4-1f0e-5c52-8d8e-6f9a5f3c9d10")


@dataclass(frozen=True)
class Rule:
    """A rule that maps a claim to a role. `match` is Equals, Contains, StartsWith or NotEqual."""

    claim: str
    match: str
    value: str
    role_arn: str


@dataclass(frozen=True)
class RoleMapping:
    """The role mapping of a login. `kind` is Token, Rules, or empty: always the default role."""

    kind: str = "Token"
    denies_ambiguous: bool = False
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class IdentityPool:
    """An identity pool with one user pool as its provider."""

    id: str
    name: str
    user_pool_id: str
    client_ids: frozenset[str]
    allows_guests: bool = False
    authenticated_role_arn: str | None = None
    guest_role_arn: str | None = None
    credentials_seconds: float = 3600
    principal_tags: Mapping[str, str] = field(default_factory=lambda: DEFAULT_PRINCIPAL_TAGS)
    role_mapping: RoleMapping = RoleMapping()

    @property
    def region(self) -> str:
        """The region, which is the first part of the id."""
        return self.id.partition(":")[0]

    @property
    def login_key(self) -> str:
        """The key of the user pool in `Logins`, for any issuer of its tokens."""
        region = self.user_pool_id.partition("_")[0]
        return f"cognito-idp.{region}.amazonaws.com/{self.user_pool_id}"

    def identity_of(self, sub: str) -> str:
        """Return the identity of the user with this `sub`: the same in every process."""
        return f"{self.region}:{uuid.uuid5(_NAMESPACE, f'{self.id} {self.login_key} {sub}')}"

    def new_guest(self) -> str:
        """Return a new guest identity."""
        return f"{self.region}:{uuid.uuid4()}"

    def tags_of(self, claims: Mapping[str, Any]) -> dict[str, str]:
        """Return the principal tags of a login. A claim that is missing or a list has no tag."""
        tags = {tag: claims.get(claim) for tag, claim in self.principal_tags.items()}
        return {tag: str(value) for tag, value in tags.items() if isinstance(value, str | int | float)}
