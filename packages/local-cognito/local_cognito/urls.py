"""URLs: those that may be requested, the own URL, and the issuer of a user pool. No I/O, no dependencies."""

import ipaddress
import re
from urllib.parse import urlsplit

_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
# The pattern of botocore's model of cognito-idp, with a region before the underscore.
_USER_POOL_ID = re.compile(r"[a-z]{2,5}(?:-[a-z]+)+-\d+_[0-9a-zA-Z]{1,45}", re.ASCII)


def is_secure_url(url: str) -> bool:
    """Return whether `url` is https, or http to a loopback host: tokens and keys may be sent over it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or port == 0 or parts.username is not None or parts.password is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK_HOSTS)


def is_loopback(url: str) -> bool:
    """Return whether the host of `url` is one of the loopback hosts that `is_secure_url` accepts over http."""
    return urlsplit(url).hostname in _LOOPBACK_HOSTS


def is_loopback_address(host: str) -> bool:
    """Return whether a socket that is bound to `host` accepts connections of this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def build_public_url(host: str, port: int) -> str:
    """Return the URL of a server on this address. It contains localhost if that reaches the server.

    Browsers store the cookies of localhost separately from those of 127.0.0.1.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"http://{host.lower()}:{port}"
    if address.is_loopback or address.is_unspecified:
        return f"http://localhost:{port}"
    return f"http://[{address}]:{port}" if address.version == 6 else f"http://{address}:{port}"


def normalize_public_url(url: str) -> str:
    """Return the origin of `url` in lower case. Raises ValueError if it is not an http or https URL of a host alone."""
    parts = urlsplit(url.strip())
    has_more = parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or has_more:
        raise ValueError(f"the public URL must be like http://cognito.localhost:9229, without a path, not {url!r}")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def is_user_pool_id(value: str) -> bool:
    """Return whether `value` has the form of a user pool id, such as `eu-west-1_AbCdEfGhI`."""
    return _USER_POOL_ID.fullmatch(value) is not None


def aws_issuer(user_pool_id: str) -> str:
    """Return the issuer that Amazon Cognito states in the tokens of a user pool.

    Source: AWS developer guide, "Verifying JSON web tokens"; AWS partitions, for the host names.
    """
    region = user_pool_id.partition("_")[0]
    if region.startswith("cn-"):
        suffix = "amazonaws.com.cn"
    else:
        suffix = "amazonaws.eu" if region.startswith("eusc-") else "amazonaws.com"
    return f"https://cognito-idp.{region}.{suffix}/{user_pool_id}"
