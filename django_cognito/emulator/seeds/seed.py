"""What the pools are filled with at the start, as values. Knows neither files nor moto."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SeedGroup:
    """A group."""

    name: str
    precedence: int | None = None
    description: str = ""
    role_arn: str | None = None


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
class SeedPool:
    """A user pool and all that is in it."""

    id: str
    name: str = ""
    mfa: str = "off"
    username_attributes: tuple[str, ...] = ()
    alias_attributes: tuple[str, ...] = ()
    groups: tuple[SeedGroup, ...] = ()
    clients: tuple[SeedClient, ...] = ()
    users: tuple[SeedUser, ...] = ()


@dataclass(frozen=True)
class Seed:
    """Everything that a local Cognito starts with."""

    pools: tuple[SeedPool, ...]
