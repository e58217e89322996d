"""App clients whose secret lies in Secrets Manager, and the schedule of its rotation. Does not depend on HTTP.

Source: AWS API reference, CreateUserPoolClient, PublishSecretsInAWSSecretsManager and ClientSecretArn.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .accounts.clients import AppClient
from .aws.secrets_manager import OwnedSecrets


@dataclass
class _Published:
    arn: str
    rotation_seconds: float
    former_seconds: float
    next_rotation_at: float


class PublishedSecrets:
    """The published secrets by client id. Not thread-safe: the caller locks.

    The schedule is in real time (`time.monotonic`), because clients that read a new secret wait in real time.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._owned: OwnedSecrets | None = None
        self._by_client: dict[str, _Published] = {}

    def use(self, owned: OwnedSecrets) -> None:
        """Store the secrets that are published from now on in `owned`."""
        self._owned = owned

    def publish(self, client: AppClient, *, rotation_seconds: float = 0, former_seconds: float = 0) -> None:
        """Store the client's secret in Secrets Manager; with `rotation_seconds` it is due for rotation at intervals."""
        if self._owned is None or client.secret is None:
            raise ValueError("only the secret of a confidential client can be published, in an AWS account")
        region = client.pool_id.partition("_")[0]
        arn = self._owned.create(
            f"amazon-cognito/{client.pool_id}/{client.id}", region, _describe(client, client.secret)
        )
        next_at = self._monotonic() + rotation_seconds
        self._by_client[client.id] = _Published(arn, rotation_seconds, former_seconds, next_at)

    def find_arn(self, client_id: str) -> str | None:
        """Return the ARN of the client's secret, or None if it is not published."""
        published = self._by_client.get(client_id)
        return published.arn if published else None

    def replace(self, client: AppClient, secret: str) -> None:
        """Store the new secret of a client, if its secret is published."""
        published = self._by_client.get(client.id)
        if published is not None and self._owned is not None:
            self._owned.replace(published.arn, _describe(client, secret))

    def take_due(self) -> Iterator[tuple[str, str, float]]:
        """Yield each client whose rotation is due, a new secret, and how long the former one stays valid.

        A rotation that is late is done once, and the next is due an interval later.
        """
        now = self._monotonic()
        for client_id, published in self._by_client.items():
            if published.rotation_seconds and now >= published.next_rotation_at:
                published.next_rotation_at = now + published.rotation_seconds
                yield client_id, secrets.token_hex(24), published.former_seconds


def _describe(client: AppClient, secret: str) -> str:
    members = {"userPoolId": client.pool_id, "userPoolClientId": client.id, "clientSecretValue": secret}
    return json.dumps(members)
