"""The one way out to the network: one call, one total deadline, one size limit. Knows nothing of Cognito's answers."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote_plus, urlsplit

import requests
from urllib3.exceptions import HTTPError, ProtocolError

from ..errors import CognitoUnavailableError
from ..user_pool import is_loopback, is_safe_address
from .deadline import Call, Deadline, WatchedAdapter

_CHUNK_BYTES = 8 * 1024
_PAUSE_SECONDS = 0.1  # before another attempt: a server that is being replaced is back, or its neighbour asked


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answered. Header names are in lower case; the repr shows neither headers nor body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return read_json(self.body)


def read_json(body: bytes) -> Any:
    """The JSON value that `body` holds, in UTF-8. Raises ValueError, whatever is wrong with it."""
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError):
        # Not chained: the original carries the whole document, which may hold tokens.
        raise ValueError("not JSON") from None


class Http:
    """Makes requests under a total deadline and a size limit; follows no redirect and keeps no connection.

    Proxies and certificate authorities come from the environment, as `requests` reads them; `.netrc` is never read.
    No proxy is used for a loopback URL: it could not reach this machine, and would see the client secret.
    The deadline covers everything but the system's name resolution, which cannot be interrupted. A SOCKS proxy keeps
    its own connections: there each wait is bounded, and the body. Nothing packed is asked for, and nothing unpacked.
    """

    def __init__(self, *, timeout_seconds: float = 3.0, max_bytes: int = 65_536, ends_at: float | None = None) -> None:
        self.timeout_seconds = timeout_seconds
        self.max_bytes = max_bytes
        self._ends_at = ends_at

    def until(self, ends_at: float) -> "Http":
        """Return the same for several requests that share a deadline: `ends_at` on the clock `time.monotonic`."""
        return Http(timeout_seconds=self.timeout_seconds, max_bytes=self.max_bytes, ends_at=ends_at)

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
        """The server's answer, whatever its status; a redirect is an answer like any other.

        `auth` is a client id and its secret.
        More `attempts` than one are for what may be asked twice: where no connection is made, it breaks, or the server
        answers with 5xx, it is asked again within the same deadline.
        Raises CognitoUnavailableError where no whole answer came in time and in size, ValueError for an address that
        is neither https nor loopback and for a header that cannot be sent. Messages name the host and nothing else.
        """
        if not is_safe_address(url):
            raise ValueError("an address must be https (plain http is for loopback hosts only)")
        sent = _checked({"Accept-Encoding": "identity", **(headers or {}), **_basic(auth)})
        call = Call(str(urlsplit(url).hostname), Deadline(self._seconds_left(url)), self.max_bytes)
        exchange = partial(self._exchange, call, method, url, headers=sent, data=data)
        try:
            with call.deadline:
                response = _attempted(exchange, attempts, call.deadline)
        except (OSError, HTTPError) as error:  # every error of requests is an OSError
            raise call.failed(type(error).__name__) from error
        if call.deadline.passed:
            # A connection shut down by the watchdog can look like one that ended well.
            raise call.failed()
        if len(response.body) > self.max_bytes:
            raise call.too_much()
        # Unpacking is what a bomb needs, and nothing packed was asked for. Handed on as it is, it would pass for what
        # the server says.
        if response.headers.get("content-encoding", "").lower() not in ("", "identity"):
            raise CognitoUnavailableError(f"{call.host} answered with a packed body")
        return response

    def _seconds_left(self, url: str) -> float:
        """Return how long one request may take now. Raises CognitoUnavailableError if the shared deadline passed."""
        if self._ends_at is None:
            return self.timeout_seconds
        left = min(self.timeout_seconds, self._ends_at - time.monotonic())
        if left <= 0:
            raise CognitoUnavailableError(f"no time is left for a request to {urlsplit(url).hostname}")
        return left

    def _exchange(self, call: Call, method: str, url: str, **sent: Any) -> Response:
        with (
            _Session(call) as session,
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


def _attempted(exchange: Callable[[], Response], attempts: int, deadline: Deadline) -> Response:
    for _ in range(attempts - 1):
        try:
            response = exchange()
            if response.status < 500:
                return response
        except (OSError, HTTPError) as error:
            if not _may_mend(error):
                raise
        deadline.wait(_PAUSE_SECONDS)
    return exchange()


def _may_mend(error: BaseException | None) -> bool:
    """Whether no connection was made, or it broke: a certificate, a name and what is no HTTP stay what they are."""
    if isinstance(error, ProtocolError):  # of the body; before it, `requests` wraps this in an error of its own
        return True
    while error is not None:
        if isinstance(error, ConnectionError | TimeoutError):
            return True
        error = error.__cause__ or error.__context__
    return False


class _Session(requests.Session):
    """One call's session: it adds nothing to the request, and leaves the answer's body to who asked."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self.auth = _as_it_is
        for scheme in ("https://", "http://"):
            self.mount(scheme, WatchedAdapter(call))

    def merge_environment_settings(self, url: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the settings of the environment, without its proxies if `url` is loopback."""
        settings = super().merge_environment_settings(url, *args, **kwargs)
        return {**settings, "proxies": {}} if is_loopback(url) else settings

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: of a redirect that nobody follows, `requests` would read and unpack the whole body all the same."""


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An "auth" that adds nothing: with one in place, `requests` leaves `.netrc` alone."""
    return request


def _basic(auth: tuple[str, str] | None) -> dict[str, str]:
    """Return the header for a client id and secret: `client_secret_basic`, of OpenID Connect Core 9.

    Each is form-encoded first (RFC 6749 2.3.1 and appendix B), so that ":" and non-ASCII characters arrive.
    The secrets that Cognito generates are lower-case letters and digits, which stay as they are.
    """
    if auth is None:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(":".join(map(quote_plus, auth)).encode()).decode()}


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    """`headers`, once they can be sent: what `requests` would say of one that cannot shows its value."""
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable() and value == value.strip()):
            raise ValueError(f"the header {name} takes printable ASCII only")
    return dict(headers)
