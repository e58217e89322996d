"""Checks for other packages that are still configured for Cognito: their settings, and the keys of COGNITO for them.

Must not import these packages, and must not report one that is used for something else.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks

from ..conf.pool_registry import PoolRegistry

_MOZILLA_ENDPOINTS = tuple(f"OIDC_OP_{name}_ENDPOINT" for name in ("AUTHORIZATION", "TOKEN", "USER", "JWKS"))
_PROVIDER = "SOCIALACCOUNT_PROVIDERS.amazon_cognito"


class FormerPackage(NamedTuple):
    """A package, and its settings with the keys of COGNITO that replace them. A part of a dict has a dotted name.

    It is reported if one of `urls` is a URL of Cognito, if all settings of `together` are set, or if an app or an
    authentication class of Django REST framework is of `module`; never while one of AUTHENTICATION_BACKENDS is of
    `backend`.
    """

    name: str  # docs/migrating-<name>.md describes the migration
    keys: Mapping[str, str]
    urls: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    module: str = ""
    backend: str = ""


FORMER_PACKAGES = (
    FormerPackage(
        "mozilla-django-oidc",
        {
            "OIDC_RP_CLIENT_ID": "CLIENT_ID",
            "OIDC_RP_CLIENT_SECRET": "CLIENT_SECRET",
            "OIDC_OP_AUTHORIZATION_ENDPOINT": "DOMAIN",
            "OIDC_OP_TOKEN_ENDPOINT": "DOMAIN",
            "OIDC_OP_USER_ENDPOINT": "DOMAIN",
            "OIDC_OP_JWKS_ENDPOINT": "USER_POOL_ID",
            "OIDC_RP_SCOPES": "SCOPES",
            "OIDC_CREATE_USER": "CREATE_USERS",
            "OIDC_USERNAME_ALGO": "USERNAME",
            "OIDC_REDIRECT_ALLOWED_HOSTS": "REDIRECT_HOSTS",
            "OIDC_TIMEOUT": "TOKEN_TIMEOUT_SECONDS",
        },
        urls=_MOZILLA_ENDPOINTS,
    ),
    FormerPackage(
        "django-cognito-jwt",
        {
            "COGNITO_AWS_REGION": "USER_POOL_ID",
            "COGNITO_USER_POOL": "USER_POOL_ID",
            "COGNITO_AUDIENCE": "CLIENT_ID",
            "COGNITO_PUBLIC_KEYS_CACHING_TIMEOUT": "JWKS_MAX_AGE_SECONDS",
        },
        together=("COGNITO_AWS_REGION", "COGNITO_USER_POOL", "COGNITO_AUDIENCE"),  # a site may use one of them itself
        module="django_cognito_jwt",
    ),
    FormerPackage(
        "django-allauth",
        {
            f"{_PROVIDER}.DOMAIN": "DOMAIN",
            f"{_PROVIDER}.APP.client_id": "CLIENT_ID",
            f"{_PROVIDER}.APP.secret": "CLIENT_SECRET",
            f"{_PROVIDER}.SCOPE": "SCOPES",
        },
        together=(_PROVIDER,),
        module="allauth.socialaccount.providers.amazon_cognito",
    ),
    FormerPackage(
        "django-auth-adfs",
        {
            "AUTH_ADFS.CLIENT_ID": "CLIENT_ID",
            "AUTH_ADFS.CLIENT_SECRET": "CLIENT_SECRET",
            "AUTH_ADFS.USERNAME_CLAIM": "USERNAME",
            "AUTH_ADFS.CLAIM_MAPPING": "ATTRIBUTES",
            "AUTH_ADFS.GROUPS_CLAIM": "GROUPS_CLAIM",
            "AUTH_ADFS.MIRROR_GROUPS": "MIRROR_GROUPS",
            "AUTH_ADFS.GROUP_TO_FLAG_MAPPING": "GROUPS",
            "AUTH_ADFS.CREATE_NEW_USERS": "CREATE_USERS",
            "AUTH_ADFS.JWT_LEEWAY": "LEEWAY_SECONDS",
            "AUTH_ADFS.TIMEOUT": "TOKEN_TIMEOUT_SECONDS",
        },
        together=("AUTH_ADFS",),
        backend="django_auth_adfs",  # with a backend, its users sign in without Cognito
    ),
    FormerPackage(
        "djangorestframework-simplejwt",
        {
            "SIMPLE_JWT.JWK_URL": "USER_POOL_ID",
            "SIMPLE_JWT.ISSUER": "USER_POOL_ID",
            "SIMPLE_JWT.AUDIENCE": "CLIENT_ID",
            "SIMPLE_JWT.LEEWAY": "LEEWAY_SECONDS",
        },
        urls=("SIMPLE_JWT.JWK_URL", "SIMPLE_JWT.ISSUER"),
    ),
)


def check_former_packages(registry: PoolRegistry | None) -> Iterator[checks.CheckMessage]:
    """Yield a warning for each other package that is configured for Cognito.

    `registry` is None if COGNITO has errors: then a package is recognised by AWS's hosts alone.
    """
    pools = [alias.user_pool for alias in registry.by_alias.values()] if registry else []
    own_hosts = {urlsplit(url).netloc for pool in pools for url in (pool.domain, pool.jwks_uri, *pool.issuers)} - {""}
    classes = _find_setting("REST_FRAMEWORK.DEFAULT_AUTHENTICATION_CLASSES") or ()
    paths = [*settings.INSTALLED_APPS, *map(str, classes)]
    for package in FORMER_PACKAGES:
        hosts = {urlsplit(str(_find_setting(name) or "")).netloc for name in package.urls}
        is_of_pool = any(
            host.endswith(".amazoncognito.com") or host.startswith("cognito-idp.") or host in own_hosts
            for host in hosts
        )
        is_set = bool(package.together) and all(_find_setting(name) for name in package.together)
        is_installed = bool(package.module) and any(package.module in path for path in paths)
        is_in_use = bool(package.backend) and any(package.backend in path for path in settings.AUTHENTICATION_BACKENDS)
        if (is_of_pool or is_set or is_installed) and not is_in_use:
            keys = {name: key for name, key in package.keys.items() if _find_setting(name) is not None}
            replaced = "; ".join(f"{name}: COGNITO[{key!r}]" for name, key in keys.items())
            message = (
                f"{package.name} is configured for Cognito too. This package does not read its settings, and users"
            )
            message += " who sign in through both have two accounts unless they are linked."
            hint = f"{replaced}. " if replaced else ""
            hint += (
                f"docs/migrating-{package.name}.md describes how to move without losing a user. If both are to stay,"
            )
            yield checks.Warning(message, hint=f"{hint} silence this check.", id="django_cognito.W150")


def _find_setting(name: str) -> Any:
    """Return the value of a setting or of a part of a dict, by its dotted name; None if there is none."""
    first, *keys = name.split(".")
    value = getattr(settings, first, None)
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
