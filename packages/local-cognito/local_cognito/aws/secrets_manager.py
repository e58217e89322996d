"""Secrets of AWS Secrets Manager that belong to another service of the account. Does not depend on Cognito."""

import hashlib
import string

from moto.secretsmanager.models import SecretsManagerBackend, secretsmanager_backends

from .account import Account

_SUFFIX_LENGTH = 6


class OwnedSecrets:
    """The secrets that a service stores in `account`. Not thread-safe, like moto: the caller locks."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def create(self, name: str, region: str, text: str) -> str:
        """Store a secret and return its ARN, which is the same for the same name.

        AWS ends an ARN with six random characters. Here they are derived from the name: settings may contain the ARN.
        """
        secrets = self._backend(region).secrets
        self._backend(region).create_secret(name, text, None, "", [], None, None, [], False)
        secret = secrets[name]
        digest = hashlib.sha256(name.encode()).digest()
        suffix = "".join(string.ascii_letters[byte % 52] for byte in digest[:_SUFFIX_LENGTH])
        secret.arn = f"{secret.arn[:-_SUFFIX_LENGTH]}{suffix}"
        return str(secret.arn)

    def replace(self, arn: str, text: str) -> None:
        """Store `text` as the current version of a secret; the former one becomes the previous version."""
        self._backend(arn.split(":")[3]).put_secret_value(arn, text, "", "", ["AWSCURRENT"])

    def _backend(self, region: str) -> SecretsManagerBackend:
        return secretsmanager_backends[self._account.number][region]
