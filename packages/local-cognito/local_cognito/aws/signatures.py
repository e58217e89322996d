"""AWS Signature Version 4 of a request: read and verified with the secret. Does not depend on principals.

botocore computes it, as for clients. Source: AWS, "Authenticating requests (AWS Signature Version 4)".
"""

import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import unquote

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core.request import Request

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<credential>[^,\s]+),\s*"
    r"SignedHeaders=(?P<signed_headers>[^,\s]+),\s*Signature=(?P<value>[0-9a-f]+)"
)
_TIMESTAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Signature:
    """The signature of a request. `ends_at` is only set for a presigned URL, which expires."""

    access_key_id: str
    region: str
    service: str
    timestamp: str
    signed_headers: tuple[str, ...]
    value: str = field(repr=False)
    token: str | None = field(repr=False, default=None)
    ends_at: float | None = None

    def is_by(self, secret_access_key: str, request: Request) -> bool:
        """Return whether it is the signature of `request` with this secret."""
        signer: type[SigV4Auth] = SigV4Auth
        if self.service == "s3":
            signer = S3SigV4Auth if self.ends_at is None else S3SigV4QueryAuth
        auth = signer(Credentials(self.access_key_id, secret_access_key), self.service, self.region)
        # Exactly the URL that was signed, without the signature.
        query = request.query_string.decode()
        signed_pairs = [pair for pair in query.split("&") if unquote(pair.partition("=")[0]) != "X-Amz-Signature"]
        url = f"http://{request.host}{request.raw_path}?{'&'.join(signed_pairs)}"
        headers = {name: value for name, value in request.headers.items() if name.lower() in self.signed_headers}
        signed = AWSRequest(request.method, url, headers, request.get_data())
        signed.context["timestamp"] = self.timestamp
        expected = auth.signature(auth.string_to_sign(signed, auth.canonical_request(signed)), signed)
        return hmac.compare_digest(expected, self.value)


def read_signature(request: Request) -> Signature | None:
    """Return the signature from the Authorization header or the query; None if there is none of version 4."""
    match = _HEADER.fullmatch(request.headers.get("Authorization", ""))
    if match:
        timestamp, token = request.headers.get("X-Amz-Date", ""), request.headers.get("X-Amz-Security-Token")
        return _signature(match["credential"], timestamp, match["signed_headers"], match["value"], token)
    query = request.args
    if query.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256":
        return None
    return _signature(
        query.get("X-Amz-Credential", ""),
        query.get("X-Amz-Date", ""),
        query.get("X-Amz-SignedHeaders", ""),
        query.get("X-Amz-Signature", ""),
        query.get("X-Amz-Security-Token"),
        query.get("X-Amz-Expires", "0"),
    )


def _signature(
    credential: str, timestamp: str, signed_headers: str, value: str, token: str | None, lifetime: str | None = None
) -> Signature | None:
    scope = credential.split("/")
    if len(scope) != 5:
        return None
    access_key_id, _, region, service, _ = scope
    try:
        signed_at = datetime.strptime(timestamp, _TIMESTAMP).replace(tzinfo=UTC).timestamp()
        ends_at = None if lifetime is None else signed_at + int(lifetime)
    except ValueError:
        return None
    names = tuple(signed_headers.split(";"))
    return Signature(access_key_id, region, service, timestamp, names, value, token, ends_at)
