"""Read the secret of an app client that Cognito publishes in AWS Secrets Manager. Must not import boto3 or botocore.

Source: the service model of cognito-idp, `ClientSecretArn`: the secret is a JSON object with `userPoolId`,
`userPoolClientId` and `clientSecretValue`.
"""

import json
import re
from contextlib import suppress
from typing import Any

from .errors import CognitoError
from .tracebacks import clear_frame_locals

_ARN = re.compile(
    r"arn:aws[a-z-]*:secretsmanager:(?P<region>[a-z]{2,5}(?:-[a-z]+)+-\d+):\d{12}:secret:[\w/+=.@-]+", re.ASCII
)


def is_secret_arn(value: str) -> bool:
    """Return whether `value` is the ARN of a secret, with or without the six random characters at its end."""
    return _ARN.fullmatch(value) is not None


def find_region(arn: str) -> str:
    """Return the AWS region of a valid ARN; the client that reads the secret must be one of this region."""
    return arn.split(":")[3]


@clear_frame_locals
def read_published_secret(client: Any, arn: str, client_id: str) -> str:
    """Return the current secret of the app client `client_id`, by a boto3 client of `secretsmanager`. One request.

    Raises CognitoError (code "client_secret_unavailable"), whose message has the exception's name and no secret, if AWS
    refuses or cannot be reached, or the secret is not that of this app client.
    """
    problem, text = "", None
    try:
        text = client.get_secret_value(SecretId=arn).get("SecretString")
    except Exception as error:  # noqa: BLE001 botocore's errors have no common base, and its message may be long
        response = getattr(error, "response", None) or {}
        problem = str(response.get("Error", {}).get("Code") or type(error).__name__)
    if problem:
        raise _unreadable(f"GetSecretValue failed with {problem}")
    members: Any = None
    with suppress(ValueError, RecursionError):  # not chained: the error holds the text
        members = json.loads(text) if isinstance(text, str) else None
    members = members if isinstance(members, dict) else {}
    secret, owner = members.get("clientSecretValue"), members.get("userPoolClientId", client_id)
    if owner != client_id:
        raise _unreadable("it is the secret of another app client than CLIENT_ID")
    if not isinstance(secret, str) or not secret:
        raise _unreadable("the secret is not a JSON object with the member clientSecretValue")
    return secret


def _unreadable(problem: str) -> CognitoError:
    return CognitoError(f"CLIENT_SECRET_ARN: {problem}", code="client_secret_unavailable")
