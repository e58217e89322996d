"""HTTP requests with a total deadline and a size limit. Must not depend on Cognito's responses."""

import base64
import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlsplit

import requests
from urllib3.exceptions import HTTPError, ProtocolError

from ..errors import CognitoUnavailableError
from ..user_pool import InsecureUrlError, bypasses_proxies, is_secure_url
from .deadline import Call, Deadline, WatchedAdapter

_CHUNK_BYTES = 8 * 1024
_PAUSE_SECONDS = 0.1  # before another attempt, for a server that is restarting


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
        call = Call(str(urlsplit(url).hostname), Deadline(self._seconds_left(url)), self.max_bytes)
        try:
            with call.deadline:
                response = self._exchange_with_retries(call, attempts, method, url, headers=all_headers, data=data)
        except (OSError, HTTPError) as error:  # every error of requests is an OSError
            raise call.request_error(type(error).__name__) from error
        if call.deadline.passed:
            # A connection shut down by the watchdog can look like one that ended normally.
            raise call.request_error()
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
            raise CognitoUnavailableError(f"no time is left for a request to {urlsplit(url).hostname}")
        return left

    def _exchange_with_retries(self, call: Call, attempts: int, method: str, url: str, **sent: Any) -> Response:
        """Send the request up to `attempts` times, while the connection fails or the status is 5xx."""
        for _ in range(attempts - 1):
            try:
                response = self._exchange(call, method, url, **sent)
                if response.status < 500:
                    return response
            except (OSError, HTTPError) as error:
                if not _is_transient(error):
                    raise
            call.deadline.wait(_PAUSE_SECONDS)
        return self._exchange(call, method, url, **sent)

    def _exchange(self, call: Call, method: str, url: str, **sent: Any) -> Response:
        with (
            _Session(call, self.insecure_hosts) as session,
            session.request(
                method, url, timeout=self.timeout_seconds, allow_redirects=False, stream=True, **sent
            ) as answer,
        ):
            body = bytearray()
            for chunk in answer.raw.stream(_CHUNK_BYTES, decode_content=False):
                body += chunk
                if len(body) > self.max_bytes:
                    break
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status_code, headers, bytes(body))


def _is_transient(error: BaseException | None) -> bool:
    """Return whether the connection failed: not for an invalid certificate, an unknown host or invalid HTTP."""
    if isinstance(error, ProtocolError):  # while reading the body; before, `requests` wraps this in its own error
        return True
    while error is not None:
        if isinstance(error, ConnectionError | TimeoutError):
            return True
        error = error.__cause__ or error.__context__
    return False


class _Session(requests.Session):
    """The session of one call. It adds nothing to the request and does not read the body."""

    def __init__(self, call: Call, insecure_hosts: Collection[str]) -> None:
        super().__init__()
        self._insecure_hosts = insecure_hosts
        self.auth = lambda request: request  # adds nothing; but if `auth` is set, `requests` does not read `.netrc`
        for scheme in ("https://", "http://"):
            self.mount(scheme, WatchedAdapter(call))

    def merge_environment_settings(self, url: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the settings of the environment, without its proxies if `url` is requested directly."""
        settings = super().merge_environment_settings(url, *args, **kwargs)
        return {**settings, "proxies": {}} if bypasses_proxies(url, self._insecure_hosts) else settings

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: otherwise `requests` would read and decompress the body of a redirect that is not followed."""


def _basic_auth(auth: tuple[str, str] | None) -> dict[str, str]:
    """Return the header for a client id and secret: `client_secret_basic` of OpenID Connect Core 9.

    Each is form-encoded first (RFC 6749 2.3.1 and appendix B), so that ":" and non-ASCII characters are transmitted.
    The secrets that Cognito generates are lower-case letters and digits, which form-encoding does not change.
    """
    if auth is None:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(":".join(map(quote_plus, auth)).encode()).decode()}
