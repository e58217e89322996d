"""Read the seed of the demo's local Cognito: user pools, users, app clients and the AWS account."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SEED_FILE = Path(__file__).resolve().parent.parent / "seed.yaml"
SEED_ORIGIN = "http://localhost:8000"  # the site's origin in the seed file


@dataclass(frozen=True)
class SeedUser:
    """A user of the seed, with the credentials to sign in."""

    username: str
    name: str
    email: str
    password: str
    groups: tuple[str, ...]
    totp_secret: str | None = None
    enabled: bool = True


@dataclass(frozen=True)
class SeedPool:
    """A user pool of the seed: `clients` and `secrets` by client name, `users` by username."""

    id: str
    clients: dict[str, str]
    secrets: dict[str, str]
    users: dict[str, SeedUser]


@dataclass(frozen=True)
class SeedAccount:
    """The AWS account of the seed: its bucket, the ids of its identity pools by name, its administrator's keys."""

    bucket: str
    identity_pools: dict[str, str]
    admin_key_id: str
    admin_secret: str


def read_pools(text: str) -> tuple[SeedPool, ...]:
    """Return the user pools of a seed, in the order of the seed."""
    return tuple(_build_pool(pool) for pool in yaml.safe_load(text)["pools"])


def read_account(text: str) -> SeedAccount:
    """Return the AWS account of a seed."""
    data = yaml.safe_load(text)
    admin, pools = data["admin"], data["identity_pools"]
    return SeedAccount(
        bucket=data["buckets"][0],
        identity_pools={pool["name"]: pool["id"] for pool in pools},
        admin_key_id=admin["access_key_id"],
        admin_secret=admin["secret_access_key"],
    )


def render_seed(site: str) -> str:
    """Return the text of the seed file, with `site` as the origin in its callback and sign-out URLs."""
    return SEED_FILE.read_text().replace(SEED_ORIGIN, site)


def _build_pool(data: dict[str, Any]) -> SeedPool:
    clients = {client["name"]: client["id"] for client in data["clients"]}
    secrets = {client["name"]: client["secret"] for client in data["clients"] if client.get("secret")}
    users = [_build_user(user) for user in data["users"]]
    return SeedPool(data["id"], clients, secrets, {user.username: user for user in users})


def _build_user(data: dict[str, Any]) -> SeedUser:
    return SeedUser(
        username=data["username"],
        name=data["name"],
        email=data["email"],
        password=data["password"],
        groups=tuple(data["groups"]),
        totp_secret=data.get("totp_secret"),
        enabled=data.get("enabled", True),
    )
