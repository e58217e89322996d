"""Problems of a pool's URLs that are known without a request: of another pool or region, or of another host. No I/O."""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from ..core.user_pool import is_loopback
from .schema import CognitoSettings

# AWS developer guide, "Amazon Cognito user pools endpoints": issuers, the API and its interface endpoints.
_API_HOST = re.compile(r"(?:^|\.)(?:issuer-)?cognito-idp(?:-fips)?\.(?P<region>[a-z0-9-]+)\.", re.ASCII)
# "<prefix>.auth.<region>.amazoncognito.com", or "auth-fips" in AWS GovCloud.
_PREFIX_DOMAIN = re.compile(r"\.auth(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazoncognito\.", re.ASCII)
_POOL_ID = re.compile(r"/(?P<pool>[a-z]{2,5}(?:-[a-z]+)+-\d+_[0-9a-zA-Z]+)(?=/|$)", re.ASCII)


class Problem(NamedTuple):
    """A problem of `COGNITO`: the id of its check, the message, and the next step."""

    id: str
    message: str
    hint: str


def check_pool_urls(settings: CognitoSettings) -> Iterator[Problem]:
    """Yield the problems of the URLs of one alias, in which `UserPool` found nothing."""
    yield from _check_pool_and_region(settings)
    if settings.domain:
        yield from _check_domain(settings)


def _check_pool_and_region(settings: CognitoSettings) -> Iterator[Problem]:
    """Find URLs of another pool. A custom URL that names neither a pool nor a region is accepted.

    A token of another pool would be a second account of its user, because a link has the pool's id as its key.
    """
    pool = settings.user_pool
    logins_key = f"https://{settings.logins_key}"
    urls = [*(("ISSUER", url) for url in pool.issuers), ("JWKS_URI", pool.jwks_uri), ("LOGINS_KEY", logins_key)]
    for key, url in [*urls, ("ENDPOINT_URL", pool.endpoint_url)]:
        names = {match["pool"] for match in _POOL_ID.finditer(urlsplit(url).path)}
        names |= {match["region"] for match in _API_HOST.finditer(urlsplit(url).hostname or "")}
        if others := sorted(names - {pool.user_pool_id, pool.region}):
            shown = url.removeprefix("https://") if key == "LOGINS_KEY" else url
            message = (
                f"{_path(settings, key)} is {shown!r}, of {' and '.join(others)};"
                f" expected the pool or region of USER_POOL_ID {pool.user_pool_id!r}."
            )
            hint = f"Correct USER_POOL_ID or {key}. Without {key} it follows from USER_POOL_ID."
            yield Problem("django_cognito.E022", message, hint)
            return  # the others follow from the first


def _check_domain(settings: CognitoSettings) -> Iterator[Problem]:
    """Find a DOMAIN that is not a hosted UI: a prefix alone, a host without its scheme, the API, another region."""
    region, origin = settings.user_pool.region, settings.user_pool.domain
    host, has_scheme = urlsplit(origin).hostname or "", "://" in settings.domain
    prefix_domain = _PREFIX_DOMAIN.search(host)
    message, hint = "", "The AWS console shows the domain on the page Branding, Domain of the user pool."
    if not has_scheme and (is_loopback(origin) or (":" in settings.domain and "." not in host)):
        message, hint = "a host of this machine or network without a scheme", f"Write 'http://{settings.domain}'."
    elif not has_scheme and "." not in host:
        message = "the prefix of a domain alone"
        hint = f"Write the complete domain: '{host}.auth.{region}.amazoncognito.com'."
    elif _API_HOST.search(host):
        message = "the host of the API and not of the hosted UI"
    elif prefix_domain and prefix_domain["region"] != region:
        message = f"a domain of the region {prefix_domain['region']} and not of the pool's, {region}"
    if message:
        expected = "expected the hosted UI's host (login.example.com) or its origin (http://localhost:9229)"
        message = f"{_path(settings, 'DOMAIN')} is {settings.domain!r}, {message}; {expected}."
        yield Problem("django_cognito.E023", message, hint)


def _path(settings: CognitoSettings, key: str) -> str:
    return f"COGNITO[{key!r}]" if settings.alias == "default" else f"COGNITO['POOLS'][{settings.alias!r}][{key!r}]"
