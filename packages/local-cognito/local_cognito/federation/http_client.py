"""HTTP requests to an identity provider, with a timeout and a size limit. Must not depend on OpenID Connect."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from ..urls import is_loopback, is_secure_url

TIMEOUT_SECONDS = 5.0
MAX_BYTES = 262_144
_CHUNK_BYTES = 8_192


@dataclass(frozen=True)
class Response:
    """The status and the body of a response; the repr does not show the body, which may contain tokens."""

    status: int
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Return the body as JSON. Raises ValueError."""
        try:
            return json.loads(self.body.decode())
        except (ValueError, RecursionError):
            # Not chained: the original error carries the whole document.
            raise ValueError("not JSON") from None


def send_request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Response:
    """Send one request and return the response, whatever its status. A redirect is returned, not followed.

    Proxies and certificate authorities come from the environment, as `requests` reads them, but no proxy is used for a
    loopback URL. `.netrc` is not read. `timeout_seconds` limits the connection, each wait, and the body as a whole.
    Raises ValueError if `url` is neither https nor loopback, OSError if no whole response of at most `MAX_BYTES`
    arrived in time.
    """
    if not is_secure_url(url):
        raise ValueError("the URL must be https (plain http is for loopback hosts only)")
    ends_at = time.monotonic() + timeout_seconds
    with requests.Session() as session:
        session.trust_env = not is_loopback(url)
        session.auth = _send_unchanged
        answer = session.request(
            method, url, headers=headers, data=data, timeout=timeout_seconds, allow_redirects=False, stream=True
        )
        with answer:
            try:
                return Response(answer.status_code, _read_body(answer, ends_at))
            except HTTPError as error:
                raise OSError(f"the response broke off: {type(error).__name__}") from error


def _send_unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return the request as it is: if a session has any `auth`, `requests` does not read `.netrc`."""
    return request


def _read_body(answer: requests.Response, ends_at: float) -> bytes:
    """Return the body. Raises OSError if it is larger than `MAX_BYTES` or not complete at `ends_at`."""
    body = bytearray()
    while chunk := answer.raw.read1(_CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > MAX_BYTES:
            raise OSError(f"the response is larger than {MAX_BYTES} bytes")
        if time.monotonic() > ends_at:
            raise TimeoutError("the response did not arrive in time")
    return bytes(body)
