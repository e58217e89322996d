"""The context of the journey: URLs, users, app clients and functions that change the environment."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from demo.seed import SeedUser

from .jwks_proxy import JwksProxy


@dataclass(frozen=True)
class Client:
    """An app client and its user pool."""

    pool_id: str
    id: str


@dataclass(frozen=True)
class Context:
    """The values that a step may use. Steps share nothing else: each step signs in separately."""

    site: str
    cognito: str
    web_client: Client  # the app client of the site
    short_lived_client: Client  # the site accepts its tokens, which expire after seconds
    other_client: Client  # in the site's user pool, but the site does not accept its tokens
    other_pool_client: Client
    users: dict[str, SeedUser]
    other_pool_user: SeedUser
    idp: Any  # boto3's client of the user-pool API
    jwks_proxy: JwksProxy
    start_second_site: Callable[[], str]  # starts another process of the site and returns its origin
    back_up_database: Callable[[], None]
    refresh_from_backup: Callable[[str], str]  # sends a user's refresh token from the backup, returns the result
    machine_client: Client  # a machine-to-machine client that the API accepts
    machine_client_secret: str
    bucket: str
    identity_pool_id: str
    short_lived_identity_pool_id: str  # its credentials expire after seconds
    s3_admin: Any  # boto3's S3 client with the administrator's keys
    start_short_lived_site: Callable[[], str]  # starts a site with that identity pool, returns its origin
    count_users: Callable[[], int]  # in the site's database
    read_groups: Callable[[], dict[str, list[str]]]  # the stored Cognito groups by username

    @property
    def callback_url(self) -> str:
        """The redirect URI of the site."""
        return f"{self.site}/auth/callback/"
