"""Calls of S3 by a boto3 client, and who signed them."""

from typing import Any

from tests.support.scripted_server import Request


def ask_s3(client: Any, key: str = "note.txt") -> None:
    """Any request: this one does not wait for a "100 Continue"."""
    client.delete_object(Bucket="files", Key=key)


def signer(request: Request) -> tuple[str, str]:
    """The access key id and the session token of a request."""
    credential = request.headers["authorization"].partition("Credential=")[2]
    return credential.partition("/")[0], request.headers["x-amz-security-token"]
