"""HTTP requests with a total deadline and a size limit. Must not depend on Cognito's responses."""

import base64
import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlsplit

from ..errors import CognitoUnavailableError
from ..user_pool import InsecureUrlError, is_secure_url
from .deadline import Call, Deadline


@dataclass(frozen=True, slots=True)
class Response:
    """A server's response. Header names are in lower case; the repr shows neither headers nor body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Return the body as JSON. Raises ValueError."""
        return read_json(self.body)


def read_json(body: bytes) -> Any:
    """Return the JSON value that `body` holds in UTF-8. Raises ValueError for any other body."""
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError):
        # Not chained: the original error has the whole document, which may contain tokens.
        raise ValueError("not JSON") from None


class Http:
    """Makes requests under a total deadline and a size limit; follows no redirects and reuses no connections.

    Proxies and certificate authorities are those of the environment, as in `requests`; `.netrc` is never read.
    No proxy is used for a loopback URL: it could not reach this machine, and would see the client secret. The same
    holds for `insecure_hosts`: hosts in lower case that may be requested with plain http, for development only.
    The deadline includes everything except the system's name resolution, which cannot be interrupted. With a SOCKS
    proxy, which opens its own connections, each wait and the body are limited. Compressed bodies are rejected.
    """

    def __init__(
        self,
        *,
        timeout_seconds: float = 3.0,
        max_bytes: int = 65_536,
        insecure_hosts: Collection[str] = (),
        ends_at: float | None = None,
    ) -> None:
        self.timeout_seconds = timeout_seconds
        self.max_bytes = max_bytes
        self.insecure_hosts = insecure_hosts
        self._ends_at = ends_at

    def until(self, ends_at: float) -> "Http":
        """Return a client whose requests share a deadline: `ends_at` on the clock `time.monotonic`."""
        return Http(
            timeout_seconds=self.timeout_seconds,
            max_bytes=self.max_bytes,
            insecure_hosts=self.insecure_hosts,
            ends_at=ends_at,
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | bytes | None = None,
        auth: tuple[str, str] | None = None,
        attempts: int = 1,
    ) -> Response:
        """Return the server's response, with any status; a redirect is a response too.

        `auth` is a client id and its secret, sent by HTTP Basic authentication.
        With more than one of `attempts`, the request is repeated if the connection fails or the status is 5xx.
        Raises CognitoUnavailableError if there is no complete response in time and within the size limit; ValueError
        for a URL that `is_secure_url` rejects and for a header that cannot be sent. Messages have only the host.
        """
        if not is_secure_url(url, self.insecure_hosts):
            raise InsecureUrlError("a URL")
        all_headers = {"Accept-Encoding": "identity", **(headers or {}), **_basic_auth(auth)}
        for name, value in all_headers.items():
            if not (value.isascii() and value.isprintable() and value == value.strip()):
                # The error of `requests` would show the value.
                raise ValueError(f"the header {name} takes printable ASCII only")
        from .exchange import send_request  # its `requests` takes 0.1 s and 7 MiB: the first request imports it

        call = Call(str(urlsplit(url).hostname), Deadline(self._seconds_left(url)), self.max_bytes)
        sent = {"headers": all_headers, "data": data, "timeout": self.timeout_seconds}
        response = Response(*send_request(call, attempts, self.insecure_hosts, method, url, **sent))
        if len(response.body) > self.max_bytes:
            raise call.size_error()
        # Not decompressed, because of decompression bombs. The caller must not take it for the content either.
        if response.headers.get("content-encoding", "").lower() not in ("", "identity"):
            raise CognitoUnavailableError(f"{call.host} responded with a compressed body")
        return response

    def _seconds_left(self, url: str) -> float:
        """Return the seconds for one request. Raises CognitoUnavailableError if the shared deadline has passed."""
        if self._ends_at is None:
            return self.timeout_seconds
        left = min(self.timeout_seconds, self._ends_at - time.monotonic())
        if left <= 0:
            host = urlsplit(url).hostname
            raise CognitoUnavailableError(f"no time is left for a request to {host}", was_sent=False)
        return left


def _basic_auth(auth: tuple[str, str] | None) -> dict[str, str]:
    """Return the header for a client id and secret: `client_secret_basic` of OpenID Connect Core 9.

    Each is form-encoded first (RFC 6749 2.3.1 and appendix B), so that ":" and non-ASCII characters are transmitted.
    The secrets that Cognito generates are lower-case letters and digits, which form-encoding does not change.
    """
    if auth is None:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(":".join(map(quote_plus, auth)).encode()).decode()}
