"""Which requests the local Cognito accepts, by Host, Origin and Fetch metadata. Does not depend on any route.

Every program on this machine has full access: administrative calls need no real credentials, and the mailbox shows
codes. A web page of another site must not have it. It could reach the local Cognito through the developer's browser: by
a domain that resolves to 127.0.0.1 (DNS rebinding), or by a form or `fetch()` that needs no CORS preflight.

The host of the public URL is accepted like a loopback host: it is the name that the developer chose (`--public-url`),
and no attacker controls it. The address that the socket is bound to is not: `0.0.0.0` in a URL reaches this machine.

Sources: Fetch standard, "Origin header"; W3C Fetch Metadata Request Headers; RFC 6761 6.3 (`*.localhost` is loopback).
"""

import re
from typing import cast
from urllib.parse import urlsplit

from flask import Request, Response, abort, request
from moto.core.request import Request as MotoRequest

from .aws.signatures import read_signature

# `bucket.localhost` is how AWS SDKs address a bucket of S3 at http://localhost.
_LOOPBACK_HOST = r"(?:(?:[a-z0-9_-]+\.)*localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?"
_HOST = re.compile(rf"{_LOOPBACK_HOST}\Z", re.IGNORECASE)
# Browsers write origins in lower case, without a path. `null` (sandboxed frames, files) is no specific origin.
LOOPBACK_ORIGIN = re.compile(rf"https?://{_LOOPBACK_HOST}\Z")

_WRONG_HOST = (
    "The Host header must be localhost, a name below .localhost, 127.0.0.1, [::1], or host and port of --public-url:"
    " no web site may reach the local Cognito by a domain of its own. Use the URL that it printed at its start."
)
_WRONG_ORIGIN = (
    "A web page of another site sent this request. The local Cognito answers pages whose origin is http(s)://localhost,"
    " a name below .localhost, 127.0.0.1 or [::1], at any port, and pages of its own public URL."
)


def refuse_foreign_requests(public_url: str) -> None:
    """Abort with 403 if a web page of another site may have caused the request. Must run before any other handler.

    `public_url` is the URL of the local Cognito: scheme, host and port.
    """
    host = request.headers.get("Host", "")
    if not _HOST.match(host) and host.lower() != urlsplit(public_url).netloc:
        abort(403, _WRONG_HOST)
    origin = request.headers.get("Origin")
    if origin is None:
        is_foreign = request.headers.get("Sec-Fetch-Site") == "cross-site" and not _may_be_cross_site(request)
    else:
        is_foreign = not LOOPBACK_ORIGIN.match(origin) and origin != public_url
    if is_foreign:
        abort(403, _WRONG_ORIGIN)


def allow_origin(response: Response) -> Response:
    """Allow pages with a loopback origin to read `response`."""
    origin = request.headers.get("Origin", "")
    if LOOPBACK_ORIGIN.match(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
    response.headers.add("Vary", "Origin")
    return response


def _may_be_cross_site(request: Request) -> bool:
    """Return whether any site may cause the request: a navigation to a page, or a presigned URL of S3.

    Every sign-in starts and ends with such a navigation. S3 handles a request with a presigned URL, and no other route:
    S3 verifies the signature.
    """
    if request.method not in ("GET", "HEAD"):
        return False
    if (request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest")) == ("navigate", "document"):
        return True
    signature = read_signature(cast("MotoRequest", request))
    return signature is not None and signature.service == "s3"
