"""A local Cognito with identity pools, roles, buckets and a table: who may what is IAM's to say."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from local_cognito import Emulator

REGION = "eu-west-1"
USER_POOL, OTHER_USER_POOL = "eu-west-1_People", "eu-west-1_Others"
IDENTITY_POOL = "eu-west-1:11111111-0000-4000-8000-000000000001"
CLOSED_POOL = "eu-west-1:11111111-0000-4000-8000-000000000002"  # no guests, clients named, credentials for seconds
BARE_POOL = "eu-west-1:11111111-0000-4000-8000-000000000003"  # no roles
RULED_POOL = "eu-west-1:11111111-0000-4000-8000-000000000004"  # tags of its own
STRICT_POOL = "eu-west-1:11111111-0000-4000-8000-000000000005"  # ambiguous: deny
OTHERS_POOL = "eu-west-1:11111111-0000-4000-8000-000000000006"
BUCKET, OTHER_BUCKET = "people-files", "other-files"
TABLE = "notes"
SHORT_SECONDS = 30
_SUB = "${cognito-identity.amazonaws.com:sub}"
_FLOWS = ["ALLOW_USER_PASSWORD_AUTH"]


def allow(*actions: str, on: str | list[str]) -> dict[str, Any]:
    """A policy of one statement."""
    return {"Statement": {"Effect": "Allow", "Action": list(actions), "Resource": on}}


_OWN = f"arn:aws:s3:::{BUCKET}/{_SUB}/*"
_PERSON = {
    "Statement": [
        {"Effect": "Allow", "Action": ["s3:*Object"], "Resource": _OWN},
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": f"arn:aws:s3:::{BUCKET}",
            "Condition": {"StringLike": {"s3:prefix": f"{_SUB}/*"}},
        },
        {"Effect": "Allow", "Action": "dynamodb:*Item", "Resource": f"arn:aws:dynamodb:*:*:table/{TABLE}"},
    ]
}

SEED: dict[str, Any] = {
    "pools": [
        {
            "id": USER_POOL,
            "groups": [
                {"name": "readers", "role": "reader", "precedence": 5},
                {"name": "rivals", "role": "person", "precedence": 5},
                {"name": "ghosts", "role_arn": "arn:aws:iam::999999999999:role/ghost", "precedence": 1},
                {"name": "plain"},
            ],
            "clients": [{"id": "web", "auth_flows": _FLOWS}, {"id": "other", "auth_flows": _FLOWS}],
            "users": [
                {"username": "alice", "password": "x", "email": "alice@example.com"},
                {"username": "bob", "password": "x", "groups": ["plain"]},
                {"username": "rita", "password": "x", "groups": ["readers"]},
                {"username": "rob", "password": "x", "groups": ["readers", "rivals"]},
                {"username": "gus", "password": "x", "groups": ["ghosts"]},
            ],
        },
        {
            "id": OTHER_USER_POOL,
            "clients": [{"id": "elsewhere", "auth_flows": _FLOWS}],
            "users": [{"username": "olga", "password": "x"}],
        },
    ],
    "roles": [
        {"name": "person", "policy": _PERSON},
        {"name": "reader", "policy": allow("s3:GetObject", on=_OWN)},
        {"name": "guest", "policy": allow("s3:GetObject", on=f"arn:aws:s3:::{BUCKET}/public/*")},
        {"name": "tagged", "policy": allow("s3:PutObject", on=f"arn:aws:s3:::{BUCKET}/${{aws:PrincipalTag/mail}}/*")},
        {
            "name": "subbed",
            "policy": allow("s3:PutObject", on=f"arn:aws:s3:::{BUCKET}/${{aws:PrincipalTag/username}}/*"),
        },
    ],
    "buckets": [BUCKET, OTHER_BUCKET],
    "tables": [{"name": TABLE, "keys": {"owner": "S", "day": "N"}}, {"name": "secrets", "keys": {"owner": "S"}}],
    "identity_pools": [
        {
            "id": IDENTITY_POOL,
            "user_pool": USER_POOL,
            "allow_guests": True,
            "roles": {"authenticated": "person", "unauthenticated": "guest"},
        },
        {
            "id": CLOSED_POOL,
            "user_pool": USER_POOL,
            "clients": ["web"],
            "roles": {"authenticated": "subbed"},
            "credentials_seconds": SHORT_SECONDS,
            "role_mapping": {"type": "none"},
        },
        {"id": BARE_POOL, "user_pool": USER_POOL, "allow_guests": True},
        {
            "id": RULED_POOL,
            "user_pool": USER_POOL,
            "roles": {"authenticated": "tagged"},
            "principal_tags": {"mail": "email", "groups": "cognito:groups"},
            "role_mapping": {
                "type": "rules",
                "rules": [{"claim": "cognito:groups", "match": "Contains", "value": "read", "role": "reader"}],
            },
        },
        {
            "id": STRICT_POOL,
            "user_pool": USER_POOL,
            "roles": {"authenticated": "person"},
            "role_mapping": {"ambiguous": "deny"},
        },
        {"id": OTHERS_POOL, "user_pool": OTHER_USER_POOL, "roles": {"authenticated": "person"}},
    ],
}


@dataclass(frozen=True)
class Person:
    """Somebody's session in an identity pool: their identity, and clients that sign with their credentials."""

    identity_id: str
    credentials: dict[str, Any]
    client: Callable[[str], Any]

    @property
    def s3(self) -> Any:
        """boto3's client of S3."""
        return self.client("s3")


class Site:
    """What an app does with a local Cognito: sign people in, and take credentials for them."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.idp = self._unsigned("cognito-idp")
        self.identity = self._unsigned("cognito-identity")

    def id_token(self, username: str, client_id: str = "web") -> str:
        """An ID token of the person's, fresh from the user pool."""
        answer = self.idp.initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH",
            ClientId=client_id,
            AuthParameters={"USERNAME": username, "PASSWORD": "x"},
        )
        return str(answer["AuthenticationResult"]["IdToken"])

    def logins(self, token: str, user_pool: str = USER_POOL) -> dict[str, str]:
        """The token as a login."""
        return {f"cognito-idp.{REGION}.amazonaws.com/{user_pool}": token}

    def get_id(self, username: str, identity_pool: str = IDENTITY_POOL, client_id: str = "web") -> str:
        """The person's identity."""
        logins = self.logins(self.id_token(username, client_id))
        return str(self.identity.get_id(IdentityPoolId=identity_pool, Logins=logins)["IdentityId"])

    def person(self, username: str, identity_pool: str = IDENTITY_POOL, **options: Any) -> Person:
        """The person, with credentials."""
        logins = self.logins(self.id_token(username))
        identity_id = self.identity.get_id(IdentityPoolId=identity_pool, Logins=logins)["IdentityId"]
        return self.session(identity_id, Logins=logins, **options)

    def guest(self, identity_pool: str = IDENTITY_POOL) -> Person:
        """Somebody who has not signed in, with credentials."""
        return self.session(self.identity.get_id(IdentityPoolId=identity_pool)["IdentityId"])

    def session(self, identity_id: str, **options: Any) -> Person:
        """The identity, with credentials."""
        answer = self.identity.get_credentials_for_identity(IdentityId=identity_id, **options)
        keys = answer["Credentials"]
        secrets = (keys["AccessKeyId"], keys["SecretKey"], keys["SessionToken"])
        return Person(answer["IdentityId"], keys, lambda service: self.client(service, *secrets))

    def admin(self, service: str) -> Any:
        """boto3's client of a service, with the administrator's key."""
        key = self.emulator.admin_credentials
        return self.client(service, key.id, key.secret)

    def client(self, service: str, key_id: str, secret: str, token: str | None = None) -> Any:
        """boto3's client of a service, with those credentials."""
        return boto3.client(
            service,
            endpoint_url=self.emulator.endpoint_url,
            region_name=REGION,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"max_attempts": 0}, signature_version="s3v4" if service == "s3" else None),
        )

    def _unsigned(self, service: str) -> Any:
        config = Config(signature_version=UNSIGNED, retries={"max_attempts": 0})
        return boto3.client(service, endpoint_url=self.emulator.endpoint_url, region_name=REGION, config=config)
