"""A local Cognito with identity pools and roles. IAM policies control access to its buckets and tables."""

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
CLOSED_POOL = "eu-west-1:11111111-0000-4000-8000-000000000002"  # no guests, one allowed client, short-lived credentials
BARE_POOL = "eu-west-1:11111111-0000-4000-8000-000000000003"  # no roles
RULED_POOL = "eu-west-1:11111111-0000-4000-8000-000000000004"  # custom principal tags
STRICT_POOL = "eu-west-1:11111111-0000-4000-8000-000000000005"  # ambiguous role mapping: deny
OTHERS_POOL = "eu-west-1:11111111-0000-4000-8000-000000000006"
BUCKET, OTHER_BUCKET = "people-files", "other-files"
TABLE = "notes"
SHORT_SECONDS = 30
_SUB = "${cognito-identity.amazonaws.com:sub}"
_FLOWS = ["ALLOW_USER_PASSWORD_AUTH"]


def allow(*actions: str, on: str | list[str]) -> dict[str, Any]:
    """Return a policy with one Allow statement."""
    return {"Statement": {"Effect": "Allow", "Action": list(actions), "Resource": on}}


_OWN_OBJECTS = f"arn:aws:s3:::{BUCKET}/{_SUB}/*"
_USER_POLICY = {
    "Statement": [
        {"Effect": "Allow", "Action": ["s3:*Object"], "Resource": _OWN_OBJECTS},
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
        {"name": "person", "policy": _USER_POLICY},
        {"name": "reader", "policy": allow("s3:GetObject", on=_OWN_OBJECTS)},
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
class IdentitySession:
    """An identity of an identity pool, its credentials, and AWS clients that sign with them."""

    identity_id: str
    credentials: dict[str, Any]
    client: Callable[[str], Any]

    @property
    def s3(self) -> Any:
        """Return boto3's client of S3."""
        return self.client("s3")


class Site:
    """An app on a local Cognito: it signs users in and gets credentials for them."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.idp = self._unsigned("cognito-idp")
        self.identity = self._unsigned("cognito-identity")

    def id_token(self, username: str, client_id: str = "web") -> str:
        """Sign the user in and return the ID token."""
        answer = self.idp.initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH",
            ClientId=client_id,
            AuthParameters={"USERNAME": username, "PASSWORD": "x"},
        )
        return str(answer["AuthenticationResult"]["IdToken"])

    def logins(self, token: str, user_pool: str = USER_POOL) -> dict[str, str]:
        """Return `Logins` with the token."""
        return {f"cognito-idp.{REGION}.amazonaws.com/{user_pool}": token}

    def get_id(self, username: str, identity_pool: str = IDENTITY_POOL, client_id: str = "web") -> str:
        """Return the user's identity ID."""
        logins = self.logins(self.id_token(username, client_id))
        return str(self.identity.get_id(IdentityPoolId=identity_pool, Logins=logins)["IdentityId"])

    def user_session(self, username: str, identity_pool: str = IDENTITY_POOL, **options: Any) -> IdentitySession:
        """Sign the user in and get credentials."""
        logins = self.logins(self.id_token(username))
        identity_id = self.identity.get_id(IdentityPoolId=identity_pool, Logins=logins)["IdentityId"]
        return self.session(identity_id, Logins=logins, **options)

    def guest(self, identity_pool: str = IDENTITY_POOL) -> IdentitySession:
        """Get credentials for a guest."""
        return self.session(self.identity.get_id(IdentityPoolId=identity_pool)["IdentityId"])

    def session(self, identity_id: str, **options: Any) -> IdentitySession:
        """Get credentials for the identity."""
        answer = self.identity.get_credentials_for_identity(IdentityId=identity_id, **options)
        keys = answer["Credentials"]
        secrets = (keys["AccessKeyId"], keys["SecretKey"], keys["SessionToken"])
        return IdentitySession(answer["IdentityId"], keys, lambda service: self.client(service, *secrets))

    def admin(self, service: str) -> Any:
        """Return boto3's client of a service with the administrator's credentials."""
        key = self.emulator.admin_credentials
        return self.client(service, key.id, key.secret)

    def client(self, service: str, key_id: str, secret: str, token: str | None = None) -> Any:
        """Return boto3's client of a service with these credentials."""
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
