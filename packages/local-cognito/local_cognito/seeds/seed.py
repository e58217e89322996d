"""The initial data as values. Does not depend on files or moto."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SeedGroup:
    """A group."""

    name: str
    precedence: int | None = None
    description: str = ""
    role_arn: str | None = None  # of a role outside the seed
    role: str | None = None  # the name of a role in the seed


@dataclass(frozen=True)
class SeedResourceServer:
    """A resource server and its scopes, which clients and tokens write as `identifier/scope`."""

    identifier: str
    name: str = ""
    scopes: tuple[str, ...] = ()

    @property
    def scope_names(self) -> tuple[str, ...]:
        """The scopes as clients and tokens write them."""
        return tuple(f"{self.identifier}/{scope}" for scope in self.scopes)


@dataclass(frozen=True)
class SeedClient:
    """An app client. Lifetimes may be fractions: `access_token_minutes: 0.1` is six seconds.

    A published secret is in Secrets Manager. It is replaced every `rotate_secret_seconds`, and the former one stays
    valid for `former_secret_seconds`; 0: it is not replaced.
    """

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
    publish_secret: bool = False
    rotate_secret_seconds: float = 0
    former_secret_seconds: float = 0


@dataclass(frozen=True)
class SeedUser:
    """A user. The default `sub` is computed from the pool id and the username.

    In the seed file, standard attributes are keys of the user; `attributes` has the others (`custom:tenant`).
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
    """An identity provider, which uses OpenID Connect for every type. `client_secret` may be empty."""

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
    """The policy for passwords that users choose. Passwords in the seed need not conform."""

    minimum_length: int = 8
    require_lowercase: bool = True
    require_uppercase: bool = True
    require_numbers: bool = True
    require_symbols: bool = True


@dataclass(frozen=True)
class SeedPool:
    """A user pool and its content.

    The custom attributes of users and identity providers need not be in `custom_attributes`.
    """

    id: str
    name: str = ""
    mfa: str = "off"
    tier: str = "essentials"
    sign_up: bool = True
    case_sensitive: bool = False
    auto_verified_attributes: tuple[str, ...] = ("email",)
    required_attributes: tuple[str, ...] = ()
    custom_attributes: tuple[str, ...] = ()
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
    """An IAM role and its policy, with the policy variables of identity pools."""

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
    """A rule that maps a claim to a role."""

    claim: str
    value: str
    role: str
    match: str = "Equals"


@dataclass(frozen=True)
class SeedRoleMapping:
    """The role of a login: by the token's groups, by rules, or (`none`) always the authenticated role."""

    type: str = "token"
    ambiguous: str = "authenticated"
    rules: tuple[SeedRule, ...] = ()


@dataclass(frozen=True)
class SeedIdentityPool:
    """An identity pool with one user pool as its provider; without `clients`, all clients of that pool are accepted."""

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
    """The access key of the account's administrator."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True)
class SeedAccount:
    """The initial AWS account. Without `admin`, the administrator's key is generated."""

    roles: tuple[SeedRole, ...] = ()
    buckets: tuple[str, ...] = ()
    tables: tuple[SeedTable, ...] = ()
    identity_pools: tuple[SeedIdentityPool, ...] = ()
    admin: SeedAdmin | None = None


@dataclass(frozen=True)
class Seed:
    """The initial data of a local Cognito."""

    pools: tuple[SeedPool, ...]
    account: SeedAccount = SeedAccount()

    @property
    def region(self) -> str:
        """The default region: the one of the first user pool."""
        return self.pools[0].id.partition("_")[0] if self.pools else "us-east-1"
