"""Send a request with `requests`, on connections with a total deadline and a total size limit.

The one module that imports `requests` and urllib3: only code that sends a request may import it. Must not depend on
what is sent. The total size is not limited by http.client, which accepts 6.5 MB of headers, and any number of interim
responses. So every byte is counted when it is read from the socket.
"""

import io
import socket
import sys
from collections.abc import Collection, Mapping
from functools import partial
from http.client import HTTPResponse
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProtocolError

from ..user_pool import bypasses_proxies
from .deadline import Call

_CHUNK_BYTES = 8 * 1024
_FRAMING_BYTES = 16 * 1024  # for headers and chunk lengths, in addition to the body: Cognito's take 1 KiB
_PAUSE_SECONDS = 0.1  # before another attempt, for a server that is restarting

Received = tuple[int, Mapping[str, str], bytes]  # status, headers by name in lower case, body


def send_request(
    call: Call, attempts: int, insecure_hosts: Collection[str], method: str, url: str, **sent: Any
) -> Received:
    """Send the request, up to `attempts` times while the connection fails or the status is 5xx; return the response.

    The body is longer than `call.max_bytes` if the server's is. Raises CognitoUnavailableError if there is no complete
    response before the deadline.
    """
    handled = sys.exception()  # by the caller: Python makes it the context of each error here
    try:
        with call.deadline:
            received = _exchange_with_retries(call, attempts, insecure_hosts, method, url, **sent)
    except (OSError, HTTPError) as error:  # every error of requests is an OSError
        was_sent = attempts > 1 or not _is_unconnected(error, handled)
        raise call.request_error(type(error).__name__, was_sent=was_sent) from error
    if call.deadline.passed:
        # A connection shut down by the watchdog can look like one that ended normally.
        raise call.request_error()
    return received


def _exchange_with_retries(call: Call, attempts: int, *where: Any, **sent: Any) -> Received:
    for _ in range(attempts - 1):
        try:
            received = _exchange_once(call, *where, **sent)
            if received[0] < 500:
                return received
        except (OSError, HTTPError) as error:
            if not _is_transient(error):
                raise
        call.deadline.wait(_PAUSE_SECONDS)
    return _exchange_once(call, *where, **sent)


def _exchange_once(call: Call, insecure_hosts: Collection[str], method: str, url: str, **sent: Any) -> Received:
    with (
        _Session(call, insecure_hosts) as session,
        session.request(method, url, allow_redirects=False, stream=True, **sent) as answer,
    ):
        body = bytearray()
        for chunk in answer.raw.stream(_CHUNK_BYTES, decode_content=False):
            body += chunk
            if len(body) > call.max_bytes:
                break
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status_code, headers, bytes(body)


def _is_transient(error: BaseException | None) -> bool:
    """Return whether the connection failed: not for an invalid certificate, an unknown host or invalid HTTP."""
    if isinstance(error, ProtocolError):  # while reading the body; before, `requests` wraps this in its own error
        return True
    while error is not None:
        if isinstance(error, ConnectionError | TimeoutError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_unconnected(error: BaseException | None, handled: BaseException | None) -> bool:
    """Return whether there was no connection, so that nothing was sent. `handled` is of an earlier request."""
    while error is not None and error is not handled:
        if isinstance(error, NewConnectionError | ConnectTimeoutError):
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
            self.mount(scheme, _WatchedAdapter(call))

    def merge_environment_settings(self, url: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the settings of the environment, without its proxies if `url` is requested directly."""
        settings = super().merge_environment_settings(url, *args, **kwargs)
        return {**settings, "proxies": {}} if bypasses_proxies(url, self._insecure_hosts) else settings

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: otherwise `requests` would read and decompress the body of a redirect that is not followed."""


class _LimitedReader(io.RawIOBase):
    """Reads from a socket up to a number of bytes."""

    def __init__(self, raw: io.RawIOBase, call: Call) -> None:
        self._raw, self._call = raw, call
        self._left = call.max_bytes + _FRAMING_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        count = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise self._call.size_error()  # not an OSError, which http.client and urllib3 would handle
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _LimitedResponse(HTTPResponse):
    """A response whose total size is limited: interim responses, headers, framing and body."""

    def __init__(self, *args: Any, call: Call, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp = io.BufferedReader(_LimitedReader(self.fp.detach(), call))


class _WatchedConnection(HTTPConnection):
    """A connection with the deadline and the size limit of a call."""

    def __init__(self, *args: Any, call: Call, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline = call.deadline
        self.response_class = partial(_LimitedResponse, call=call)  # type: ignore[assignment]  # only ever called

    def _new_conn(self) -> socket.socket:
        try:
            return self._deadline.connect(self._dns_host, self.port)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no connection in time") from error
        except OSError as error:
            # urllib3 takes a bare ECONNRESET for an error of sending, and would read from no socket.
            raise NewConnectionError(self, type(error).__name__) from error


class _WatchedTLSConnection(_WatchedConnection, HTTPSConnection):
    """The same, under TLS."""


class _WatchedAdapter(HTTPAdapter):
    """Makes `requests` open watched connections, also through an HTTP proxy, but not through a SOCKS proxy."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self._call = call

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> ConnectionPool:
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        if isinstance(pool, HTTPConnectionPool) and pool.ConnectionCls in _WATCHED:
            pool.ConnectionCls = _WATCHED[pool.ConnectionCls]
            pool.conn_kw["call"] = self._call
        return pool


_WATCHED: Mapping[type, type[HTTPConnection]] = {
    HTTPConnection: _WatchedConnection,
    HTTPSConnection: _WatchedTLSConnection,
}
