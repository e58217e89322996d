"""An identity pool as a value, and the identities that its logins have. Knows no tokens, no policies, no moto."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# AWS developer guide, "Using attributes for access control": the default mapping of a user pool.
DEFAULT_PRINCIPAL_TAGS: Mapping[str, str] = {"client": "aud", "username": "sub"}
_NAMESPACE = uuid.UUID("b3f2e2a4-1f0e-5c52-8d8e-6f9a5f3c9d10")


@dataclass(frozen=True)
class Rule:
    """A claim that gives a role. `match` is AWS's word: Equals, Contains, StartsWith or NotEqual."""

    claim: str
    match: str
    value: str
    role_arn: str


@dataclass(frozen=True)
class RoleMapping:
    """How the role of a login is chosen. `kind` is AWS's word, Token or Rules, or empty: always the default role."""

    kind: str = "Token"
    denies_ambiguous: bool = False
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class IdentityPool:
    """An identity pool whose logins come from one user pool."""

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
        """The region, which the id begins with."""
        return self.id.partition(":")[0]

    @property
    def login_key(self) -> str:
        """What the user pool is called in `Logins`, whatever issuer its tokens name."""
        region = self.user_pool_id.partition("_")[0]
        return f"cognito-idp.{region}.amazonaws.com/{self.user_pool_id}"

    def identity_of(self, sub: str) -> str:
        """The identity of the person with that `sub`: the same one in every process."""
        return f"{self.region}:{uuid.uuid5(_NAMESPACE, f'{self.id} {self.login_key} {sub}')}"

    def new_guest(self) -> str:
        """The identity of somebody who has not signed in."""
        return f"{self.region}:{uuid.uuid4()}"

    def tags_of(self, claims: Mapping[str, Any]) -> dict[str, str]:
        """The principal tags that a login has; a claim that is missing, or a list, makes none."""
        found = {tag: claims.get(claim) for tag, claim in self.principal_tags.items()}
        return {tag: str(value) for tag, value in found.items() if isinstance(value, str | int | float)}
