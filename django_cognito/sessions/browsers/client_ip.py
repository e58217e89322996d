"""Determine the IP address of a request's client by the setting CLIENT_IP. Must not depend on logins. No I/O.

A client can send any `X-Forwarded-For`. Each proxy appends the address that it was contacted from, so only the last
entries are trustworthy: as many as there are trusted proxies.
"""

import ipaddress
import logging
import re
from typing import Any

from django.http import HttpRequest
from django.utils.module_loading import import_string

from ...conf.loading import get_settings

_log = logging.getLogger(__name__)
_MAX_ADDRESS_CHARS = 64  # an IPv6 address with brackets, zone and port is shorter
# "192.0.2.1:4711" and "[2001:db8::1]:4711" or "[2001:db8::1]": some load balancers append the client's port.
_WITH_PORT = re.compile(r"(?P<v4>[0-9.]+):[0-9]{1,5}|\[(?P<v6>[0-9A-Fa-f:.%\w]+)\](?::[0-9]{1,5})?", re.ASCII)


def get_client_ip(request: HttpRequest) -> str | None:
    """Return the IP address of the client that sent `request`, by CLIENT_IP; None if it cannot be determined.

    A function of the site that raises an exception is logged: it must not prevent a sign-in.
    """
    source = get_settings().client_ip
    if source == "REMOTE_ADDR":
        return parse_ip(request.META.get("REMOTE_ADDR"))
    if isinstance(source, int):
        return find_forwarded_ip(request.META.get("HTTP_X_FORWARDED_FOR", ""), source)
    try:
        function: Any = import_string(source) if isinstance(source, str) else source
        return parse_ip(function(request))
    except Exception:  # noqa: BLE001 the function is the site's
        _log.exception("CLIENT_IP failed; the IP address of this sign-in is not stored")
        return None


def find_forwarded_ip(header: str, proxy_count: int) -> str | None:
    """Return the address that the first of `proxy_count` trusted proxies was contacted from.

    It is counted from the end of `X-Forwarded-For`. None if the header has fewer entries: the request did not pass
    all proxies, and its other entries may be the client's own.
    """
    entries = header.split(",")
    return parse_ip(entries[-proxy_count]) if len(entries) >= proxy_count else None


def parse_ip(value: Any) -> str | None:
    """Return an IPv4 or IPv6 address in its normal form, without port and zone; None if `value` is none.

    An IPv4 address that is mapped into IPv6 (`::ffff:192.0.2.1`) is returned as IPv4 (RFC 4291 2.5.5.2).
    """
    if isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        value = str(value)
    if not isinstance(value, str) or len(value) > _MAX_ADDRESS_CHARS:
        return None
    text = value.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match["v4"] or match["v6"]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)
