"""A person's AWS credentials as an app of their own would get them: by boto3 alone, nothing of django_cognito."""

from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from .world import World


@dataclass(frozen=True)
class AwsPerson:
    """The identity of a user, and S3 with their credentials."""

    identity_id: str
    access_key_id: str
    s3: Any = field(repr=False)


def aws_person(world: World, id_token: str, *, identity_pool_id: str = "") -> AwsPerson:
    """The person of an ID token, with new credentials of the identity pool."""
    region = world.web.pool_id.partition("_")[0]
    unsigned = Config(signature_version=UNSIGNED)
    pool = boto3.client("cognito-identity", endpoint_url=world.cognito, region_name=region, config=unsigned)
    logins = {f"cognito-idp.{region}.amazonaws.com/{world.web.pool_id}": id_token}
    identity_id = pool.get_id(IdentityPoolId=identity_pool_id or world.identity_pool_id, Logins=logins)["IdentityId"]
    keys = pool.get_credentials_for_identity(IdentityId=identity_id, Logins=logins)["Credentials"]
    s3 = boto3.client(
        "s3",
        endpoint_url=world.cognito,
        region_name=region,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretKey"],
        aws_session_token=keys["SessionToken"],
    )
    return AwsPerson(identity_id, keys["AccessKeyId"], s3)


def asked(operation: Any, **parameters: Any) -> str:
    """What AWS says to a call: "allowed", or its refusal's code."""
    try:
        operation(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "allowed"
