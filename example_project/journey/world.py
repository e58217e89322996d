"""What the journey finds when it sets out: addresses, people, and the few levers it may pull."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from demo.seed import SeededPerson

from .key_relay import KeyRelay


@dataclass(frozen=True)
class Client:
    """An app client, and the pool that it belongs to."""

    pool_id: str
    id: str


@dataclass(frozen=True)
class World:
    """Everything that a step may use. Steps share nothing else: each signs in for itself."""

    site: str
    cognito: str
    web: Client  # the site's own
    short_lived: Client  # accepted by the site, too; its tokens last seconds
    other_client: Client  # of the site's pool, but not accepted
    other_pool: Client
    people: dict[str, SeededPerson]
    stranger: SeededPerson  # of the other pool
    idp: Any  # boto3's client of the user-pool API
    key_relay: KeyRelay
    start_late_site: Callable[[], str]  # a second process of the site; its origin
    back_up_database: Callable[[], None]
    refresh_from_backup: Callable[[str], str]  # what Cognito says to a person's refresh token out of the backup
    program: Client  # the site's API accepts its tokens, which have no user
    program_secret: str
    bucket: str
    identity_pool_id: str
    brief_identity_pool_id: str  # its credentials last seconds
    s3_admin: Any  # boto3's client of S3, by the key of the one who may do everything
    start_brief_site: Callable[[], str]  # the site with the other identity pool, and a database of its own; its origin
    count_users: Callable[[], int]  # in the site's database

    @property
    def callback(self) -> str:
        """Where the hosted UI sends people back to."""
        return f"{self.site}/auth/callback/"
