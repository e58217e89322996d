"""Requests to S3 by a boto3 client, and their signatures."""

from typing import Any

from local_cognito_support.scripted_server import Request


def ask_s3(client: Any, key: str = "note.txt") -> None:
    """Send a request to S3. DeleteObject does not wait for "100 Continue"."""
    client.delete_object(Bucket="files", Key=key)


def signer(request: Request) -> tuple[str, str]:
    """Return the access key id and the session token of a request."""
    credential = request.headers["authorization"].partition("Credential=")[2]
    return credential.partition("/")[0], request.headers["x-amz-security-token"]
