"""A user pool: its id, the accepted app clients and its URLs. Must not do I/O."""

import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import inet_aton
from urllib.parse import urlsplit

_SHORT_ADDRESS = re.compile(r"[0-9a-fx.]+", re.ASCII)
# The pattern of botocore's model of cognito-idp, with a region before the underscore.
_USER_POOL_ID = re.compile(r"(?P<region>[a-z]{2,5}(?:-[a-z]+)+-\d+)_[0-9a-zA-Z]{1,45}", re.ASCII)
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class InsecureUrlError(ValueError):
    """A URL is plain http, and its host is neither loopback nor one of `insecure_hosts`; or it is malformed."""

    def __init__(self, shown: str) -> None:
        super().__init__(f"{shown} must be https (plain http is for loopback hosts only)")


def is_secure_url(url: str, insecure_hosts: Collection[str] = ()) -> bool:
    """Return whether tokens and keys may be sent to `url`: it is https, or plain http to a host of this machine.

    `insecure_hosts` are further hosts for plain http, in lower case: those of a private network of containers.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or port == 0 or parts.username is not None or parts.password is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and (host in _LOOPBACK_HOSTS or host in insecure_hosts))


def bypasses_proxies(url: str, insecure_hosts: Collection[str] = ()) -> bool:
    """Return whether `url` is requested directly: a proxy cannot reach this machine or a network of containers.

    With plain http, a proxy would see the client secret too.
    """
    return is_loopback(url) or (is_secure_url(url, insecure_hosts) and urlsplit(url).hostname in insecure_hosts)


def is_loopback(url: str) -> bool:
    """Return whether the host of `url` is this machine, by its name or IP address. No name resolution.

    Source: RFC 6761 6.3 for names below "localhost".
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address: IPv4Address | IPv6Address | None
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    # Forms that the C library parses, such as `127.1` or `0x7f000001`; inet_aton ignores what follows a space.
    if address is None and _SHORT_ADDRESS.fullmatch(host):
        with suppress(OSError):
            address = IPv4Address(inet_aton(host))
    address = getattr(address, "ipv4_mapped", None) or address
    return address is not None and (address.is_loopback or address.is_unspecified)  # 0.0.0.0 connects to this machine


def aws_host(service: str, region: str) -> str:
    """Return the host of an AWS service's API in a region of any AWS partition."""
    if region.startswith("cn-"):
        suffix = "amazonaws.com.cn"
    else:
        suffix = "amazonaws.eu" if region.startswith("eusc-") else "amazonaws.com"
    return f"{service}.{region}.{suffix}"


@dataclass(frozen=True, slots=True)
class UserPool:
    """One user pool: the expected claims of its tokens, and its URLs.

    Each URL is derived from `user_pool_id` if it is not set. `issuer` is one issuer or several (Cognito has two forms,
    and a pool may migrate from one to the other); `jwks_uri` is derived from the first one. `domain` is the hosted UI's
    host, or its origin. `resource` is the required `aud` of users' access tokens (RFC 8707); empty: not required.
    `insecure_hosts` are hosts, besides loopback ones, that may be requested with plain http; for development only.
    Sequences are converted to tuples, so that a pool is hashable.

    Raises ValueError for a malformed id, InsecureUrlError for a URL that `is_secure_url` rejects.

    Source: AWS developer guide, "Amazon Cognito user pools endpoints"; "Verifying JSON web tokens".
    """

    user_pool_id: str
    client_ids: tuple[str, ...] = ()
    issuer: str | tuple[str, ...] = ()
    jwks_uri: str = ""
    domain: str = ""
    endpoint_url: str = ""
    resource: str = ""
    insecure_hosts: tuple[str, ...] = ()
    issuers: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        if not isinstance(self.user_pool_id, str) or not _USER_POOL_ID.fullmatch(self.user_pool_id):
            raise ValueError(f"{self.user_pool_id!r} is not a user pool id; one looks like 'eu-west-1_AbCdEfGhI'")
        issuers = _strings("issuer", self.issuer) or self.issuer_forms[:1]
        derived = {
            "client_ids": _strings("client_ids", self.client_ids),
            "insecure_hosts": tuple(host.lower() for host in _strings("insecure_hosts", self.insecure_hosts)),
            "issuers": issuers,
            "jwks_uri": self.jwks_uri or f"{issuers[0]}/.well-known/jwks.json",
            # A host or an origin; stored as an origin.
            "domain": self.domain.rstrip("/") if "://" in self.domain else (self.domain and f"https://{self.domain}"),
            "endpoint_url": self.endpoint_url or f"https://{self._host}",
        }
        derived["issuer"] = issuers
        for name, value in derived.items():
            object.__setattr__(self, name, value)
        for url in (*issuers, self.jwks_uri, self.endpoint_url, *([self.domain] if self.domain else [])):
            if not is_secure_url(url, self.insecure_hosts):
                raise InsecureUrlError(repr(url))
        if self.domain.count("/") > 2:
            raise ValueError(f"domain is a host or an origin, without a path: {self.domain!r} is not")

    @property
    def region(self) -> str:
        """The AWS region of the pool: the part of its id before the underscore."""
        return self.user_pool_id.split("_", 1)[0]

    @property
    def issuer_forms(self) -> tuple[str, str]:
        """Cognito's two issuers of this pool, the original and the updated form; not all need to be accepted."""
        original = f"{self._host}/{self.user_pool_id}"
        return f"https://{original}", f"https://issuer-{original}"

    @property
    def _host(self) -> str:
        return aws_host("cognito-idp", self.region)


def pools_by_issuer(pools: Iterable[UserPool]) -> dict[str, UserPool]:
    """Return the pool of each accepted issuer. Raises ValueError if two different pools have the same issuer."""
    by_issuer: dict[str, UserPool] = {}
    for pool in pools:
        for issuer in pool.issuers:
            if by_issuer.setdefault(issuer, pool) != pool:
                raise ValueError(f"two pools have the issuer {issuer}")
    return by_issuer


def _strings(name: str, value: str | Iterable[str]) -> tuple[str, ...]:
    """Return `value` as a tuple: of one item for a string, empty for an empty string."""
    values = ((value,) if value else ()) if isinstance(value, str) else tuple(value)
    if not all(isinstance(item, str) and item for item in values):
        raise ValueError(f"{name} takes non-empty strings")
    return values
