"""The seed of the demo's local Cognito: who is in it, and the addresses of the site that goes with it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SEED_FILE = Path(__file__).resolve().parent.parent / "seed.yaml"
SEED_ORIGIN = "http://localhost:8000"  # as the seed file writes the site's address


@dataclass(frozen=True)
class SeededPerson:
    """A user of the seed, with the credentials to sign in."""

    username: str
    name: str
    email: str
    password: str
    groups: tuple[str, ...]
    totp_secret: str | None = None


@dataclass(frozen=True)
class SeededPool:
    """A pool of the seed: its id, its clients' ids and secrets by name, its people by username."""

    id: str
    clients: dict[str, str]
    secrets: dict[str, str]
    people: dict[str, SeededPerson]


def read(text: str) -> tuple[SeededPool, ...]:
    """The pools that a seed describes, in its order."""
    return tuple(_pool(described) for described in yaml.safe_load(text)["pools"])


@dataclass(frozen=True)
class SeededAccount:
    """The AWS account of the seed: its bucket, its identity pools' ids by name, its administrator's key."""

    bucket: str
    identity_pools: dict[str, str]
    admin_key_id: str
    admin_secret: str


def read_account(text: str) -> SeededAccount:
    """The account that a seed describes."""
    described = yaml.safe_load(text)
    admin, pools = described["admin"], described["identity_pools"]
    return SeededAccount(
        bucket=described["buckets"][0],
        identity_pools={pool["name"]: pool["id"] for pool in pools},
        admin_key_id=admin["access_key_id"],
        admin_secret=admin["secret_access_key"],
    )


def text_for(site: str) -> str:
    """The seed with the site's real origin in its callback and sign-out addresses."""
    return SEED_FILE.read_text().replace(SEED_ORIGIN, site)


def _pool(described: dict[str, Any]) -> SeededPool:
    clients = {client["name"]: client["id"] for client in described["clients"]}
    secrets = {client["name"]: client["secret"] for client in described["clients"] if client.get("secret")}
    people = [_person(user) for user in described["users"]]
    return SeededPool(described["id"], clients, secrets, {person.username: person for person in people})


def _person(user: dict[str, Any]) -> SeededPerson:
    return SeededPerson(
        username=user["username"],
        name=user["name"],
        email=user["email"],
        password=user["password"],
        groups=tuple(user["groups"]),
        totp_secret=user.get("totp_secret"),
    )
