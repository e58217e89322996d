"""A user pool: its id, the app clients accepted from it, and its addresses. Reaches nothing."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import inet_aton
from urllib.parse import urlsplit

_SHORT_ADDRESS = re.compile(r"[0-9a-fx.]+", re.ASCII)
# The pattern of botocore's model of cognito-idp, with a region before the underscore.
_USER_POOL_ID = re.compile(r"(?P<region>[a-z]{2,5}(?:-[a-z]+)+-\d+)_[0-9a-zA-Z]{1,45}", re.ASCII)
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def is_safe_address(url: str) -> bool:
    """Whether `url` is https, or plain http to this very machine: what tokens and keys may travel over."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or port == 0 or parts.username is not None or parts.password is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK_HOSTS)


def is_loopback(url: str) -> bool:
    """Whether the host of `url` is this machine, by its name or address alone: nothing is looked up.

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
        address = _short_address(host)
    address = getattr(address, "ipv4_mapped", None) or address
    return address is not None and (address.is_loopback or address.is_unspecified)  # 0.0.0.0 connects to this machine


def _short_address(host: str) -> IPv4Address | None:
    """Return the address that the C library reads in a form such as `127.1` or `0x7f000001`; None if it reads none."""
    if not _SHORT_ADDRESS.fullmatch(host):  # inet_aton ignores what follows a space
        return None
    try:
        return IPv4Address(inet_aton(host))
    except OSError:
        return None


def aws_host(service: str, region: str) -> str:
    """The host of an AWS service's API in a region, whichever partition of AWS the region belongs to."""
    if region.startswith("cn-"):
        suffix = "amazonaws.com.cn"
    else:
        suffix = "amazonaws.eu" if region.startswith("eusc-") else "amazonaws.com"
    return f"{service}.{region}.{suffix}"


@dataclass(frozen=True, slots=True)
class UserPool:
    """One user pool: what its tokens must say and where it is reached.

    Every address follows from `user_pool_id` and can be given instead. `issuer` takes one issuer or several (Cognito
    has two forms, and a pool may move from one to the other); the first one serves the keys, unless `jwks_uri` says
    otherwise. `domain` is the hosted UI's host, or its origin. `resource` is this API, where people's access tokens are
    to be bound to it (RFC 8707): their `aud`. Sequences become tuples, so that a pool hashes.

    Raises ValueError for a malformed id and for an address that is neither https nor plain http to a loopback host.

    Source: AWS developer guide, "Amazon Cognito user pools endpoints"; "Verifying JSON web tokens".
    """

    user_pool_id: str
    client_ids: tuple[str, ...] = ()
    issuer: str | tuple[str, ...] = ()
    jwks_uri: str = ""
    domain: str = ""
    endpoint_url: str = ""
    resource: str = ""
    issuers: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        if not isinstance(self.user_pool_id, str) or not _USER_POOL_ID.fullmatch(self.user_pool_id):
            raise ValueError(f"{self.user_pool_id!r} is not a user pool id; one looks like 'eu-west-1_AbCdEfGhI'")
        issuers = _strings("issuer", self.issuer) or self.issuer_forms[:1]
        derived = {
            "client_ids": _strings("client_ids", self.client_ids),
            "issuers": issuers,
            "jwks_uri": self.jwks_uri or f"{issuers[0]}/.well-known/jwks.json",
            "domain": _origin(self.domain),
            "endpoint_url": self.endpoint_url or f"https://{self._host}",
        }
        derived["issuer"] = issuers
        for name, value in derived.items():
            object.__setattr__(self, name, value)
        for address in (*issuers, self.jwks_uri, self.endpoint_url, *([self.domain] if self.domain else [])):
            if not is_safe_address(address):
                raise ValueError(f"{address!r} must be https (plain http is for loopback hosts only)")
        if self.domain.count("/") > 2:
            raise ValueError(f"domain is a host or an origin, without a path: {self.domain!r} is not")

    @property
    def region(self) -> str:
        """The AWS region of the pool: what stands before the underscore of its id."""
        return self.user_pool_id.split("_", 1)[0]

    @property
    def issuer_forms(self) -> tuple[str, str]:
        """Cognito's two issuers of this pool, the original and the updated form, whichever of them is accepted here."""
        original = f"{self._host}/{self.user_pool_id}"
        return f"https://{original}", f"https://issuer-{original}"

    @property
    def _host(self) -> str:
        return aws_host("cognito-idp", self.region)


def pools_by_issuer(pools: Iterable[UserPool]) -> dict[str, UserPool]:
    """Each accepted issuer's pool. Raises ValueError where two different pools have an issuer in common."""
    found: dict[str, UserPool] = {}
    for pool in pools:
        for issuer in pool.issuers:
            if found.setdefault(issuer, pool) != pool:
                raise ValueError(f"two pools have the issuer {issuer}")
    return found


def _strings(name: str, value: str | Iterable[str]) -> tuple[str, ...]:
    """`value` as a tuple: one string counts as a tuple of one, an empty one as none."""
    values = ((value,) if value else ()) if isinstance(value, str) else tuple(value)
    if not all(isinstance(item, str) and item for item in values):
        raise ValueError(f"{name} takes non-empty strings")
    return values


def _origin(domain: str) -> str:
    """The origin of a hosted UI given as a host or as an origin."""
    return domain.rstrip("/") if "://" in domain else (domain and f"https://{domain}")
