"""What the pools are filled with at the start, as values. Knows neither files nor moto."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SeedGroup:
    """A group."""

    name: str
    precedence: int | None = None
    description: str = ""
    role_arn: str | None = None  # of a role that is somewhere else
    role: str | None = None  # the name of one of the seed's


@dataclass(frozen=True)
class SeedResourceServer:
    """An API of one's own, and the scopes that clients may have for it: `identifier/scope`."""

    identifier: str
    name: str = ""
    scopes: tuple[str, ...] = ()

    @property
    def scope_names(self) -> tuple[str, ...]:
        """The scopes as clients and tokens write them."""
        return tuple(f"{self.identifier}/{scope}" for scope in self.scopes)


@dataclass(frozen=True)
class SeedClient:
    """An app client. Lifetimes may be fractions: `access_token_minutes: 0.1` makes tokens of six seconds."""

    id: str
    name: str = ""
    secret: str | None = field(default=None, repr=False)
    callback_urls: tuple[str, ...] = ()
    logout_urls: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    flows: tuple[str, ...] = ("code",)
    auth_flows: tuple[str, ...] = ("ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
    access_token_minutes: float = 60
    id_token_minutes: float = 60
    refresh_token_days: float = 30
    session_minutes: int = 3
    rotate_refresh_tokens: bool = False
    rotation_grace_seconds: int = 0
    prevent_user_existence_errors: bool = True
    enable_token_revocation: bool = True
    read_attributes: tuple[str, ...] = ()
    identity_providers: tuple[str, ...] = ("COGNITO",)


@dataclass(frozen=True)
class SeedUser:
    """A person. Without a `sub`, one follows from the pool's id and the username, always the same.

    In the seed the standard attributes are keys beside these; `attributes` is for the others (`custom:tenant`).
    """

    username: str
    sub: str = ""
    password: str = field(default="", repr=False)
    email: str = ""
    email_verified: bool = False
    groups: tuple[str, ...] = ()
    totp_secret: str = field(default="", repr=False)
    status: str = "CONFIRMED"
    enabled: bool = True
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SeedIdentityProvider:
    """Somebody else who signs people in, by OpenID Connect whatever the type. `client_secret` may be none."""

    name: str
    client_id: str
    oidc_issuer: str
    type: str = "OIDC"
    client_secret: str = field(default="", repr=False)
    authorize_scopes: str = "openid email profile"
    attributes_request_method: str = "GET"
    attribute_mapping: Mapping[str, str] = field(default_factory=lambda: {"email": "email"})
    idp_identifiers: tuple[str, ...] = ()
    authorize_url: str = ""
    token_url: str = ""
    attributes_url: str = ""
    jwks_uri: str = ""


@dataclass(frozen=True)
class SeedPasswordPolicy:
    """What passwords must have that people choose; those of the seed may be anything."""

    minimum_length: int = 8
    require_lowercase: bool = True
    require_uppercase: bool = True
    require_numbers: bool = True
    require_symbols: bool = True


@dataclass(frozen=True)
class SeedPool:
    """A user pool and all that is in it."""

    id: str
    name: str = ""
    mfa: str = "off"
    tier: str = "essentials"
    sign_up: bool = True
    auto_verified_attributes: tuple[str, ...] = ("email",)
    required_attributes: tuple[str, ...] = ()
    password_policy: SeedPasswordPolicy = SeedPasswordPolicy()
    username_attributes: tuple[str, ...] = ()
    alias_attributes: tuple[str, ...] = ()
    groups: tuple[SeedGroup, ...] = ()
    resource_servers: tuple[SeedResourceServer, ...] = ()
    identity_providers: tuple[SeedIdentityProvider, ...] = ()
    clients: tuple[SeedClient, ...] = ()
    users: tuple[SeedUser, ...] = ()


@dataclass(frozen=True)
class SeedRole:
    """An IAM role, and what it may do: an IAM policy, with the variables that identity pools fill."""

    name: str
    policy: Mapping[str, Any]


@dataclass(frozen=True)
class SeedTable:
    """A DynamoDB table. `keys` are its key attributes with their types (S, N, B), the partition key first."""

    name: str
    keys: Mapping[str, str]
    region: str = ""


@dataclass(frozen=True)
class SeedRule:
    """A claim that gives a role, in AWS's words."""

    claim: str
    value: str
    role: str
    match: str = "Equals"


@dataclass(frozen=True)
class SeedRoleMapping:
    """How the role of a login is chosen: by the token's groups, by rules, or (none) always the authenticated one."""

    type: str = "token"
    ambiguous: str = "authenticated"
    rules: tuple[SeedRule, ...] = ()


@dataclass(frozen=True)
class SeedIdentityPool:
    """An identity pool whose logins come from one user pool; without `clients` from all clients of that."""

    id: str
    user_pool: str
    name: str = ""
    clients: tuple[str, ...] = ()
    allow_guests: bool = False
    authenticated_role: str | None = None
    unauthenticated_role: str | None = None
    credentials_seconds: float = 3600
    principal_tags: Mapping[str, str] | None = None
    role_mapping: SeedRoleMapping = SeedRoleMapping()


@dataclass(frozen=True)
class SeedAdmin:
    """The access key of the one who may do everything in the account: for the site's own calls."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True)
class SeedAccount:
    """What the AWS account begins with. Without an `admin`, the administrator's key is drawn."""

    roles: tuple[SeedRole, ...] = ()
    buckets: tuple[str, ...] = ()
    tables: tuple[SeedTable, ...] = ()
    identity_pools: tuple[SeedIdentityPool, ...] = ()
    admin: SeedAdmin | None = None


@dataclass(frozen=True)
class Seed:
    """Everything that a local Cognito starts with."""

    pools: tuple[SeedPool, ...]
    account: SeedAccount = SeedAccount()

    @property
    def region(self) -> str:
        """Where things are that say no region of their own: where the first user pool is."""
        return self.pools[0].id.partition("_")[0] if self.pools else "us-east-1"
