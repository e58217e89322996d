"""The AWS credentials of a user, requested with boto3 and without django_cognito."""

from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from .context import Context


@dataclass(frozen=True)
class AwsUser:
    """The identity of a user, and an S3 client with the user's credentials."""

    identity_id: str
    access_key_id: str
    s3: Any = field(repr=False)


def fetch_aws_user(context: Context, id_token: str, *, identity_pool_id: str = "") -> AwsUser:
    """Request new credentials from the identity pool for the user of an ID token."""
    region = context.web_client.pool_id.partition("_")[0]
    unsigned = Config(signature_version=UNSIGNED)
    pool = boto3.client("cognito-identity", endpoint_url=context.cognito, region_name=region, config=unsigned)
    logins = {f"cognito-idp.{region}.amazonaws.com/{context.web_client.pool_id}": id_token}
    identity_id = pool.get_id(IdentityPoolId=identity_pool_id or context.identity_pool_id, Logins=logins)["IdentityId"]
    keys = pool.get_credentials_for_identity(IdentityId=identity_id, Logins=logins)["Credentials"]
    s3 = boto3.client(
        "s3",
        endpoint_url=context.cognito,
        region_name=region,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretKey"],
        aws_session_token=keys["SessionToken"],
    )
    return AwsUser(identity_id, keys["AccessKeyId"], s3)


def try_operation(operation: Any, **parameters: Any) -> str:
    """Call an operation of boto3. Return "allowed", or the error code of AWS."""
    try:
        operation(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "allowed"
