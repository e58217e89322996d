"""The authentication of the view: the package and each peer, configured as documented. Must not import a peer."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.real_parts import REDIS_URL

from ..tokens import GROUP, Scenario

PERMISSION = "auth.change_group"
ANONYMOUS = "anonymous"  # the site without authentication
DRF_TOKEN = "rest_framework.authentication.TokenAuthentication"


@dataclass(frozen=True)
class Site:
    """An authentication class, and the settings of its package."""

    authentication: str = ""  # empty: no authentication
    apps: tuple[str, ...] = ()
    middleware: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


def get_opaque_token(raw: str) -> str:
    """Return the token of DRF's TokenAuthentication that replaces `raw`."""
    return hashlib.sha1(raw.encode(), usedforsecurity=False).hexdigest()


def get_site(name: str, scenario: Scenario, origin: str) -> Site:
    """Return the site with this name."""
    sites: dict[str, Site] = {ANONYMOUS: Site(), "token": Site(DRF_TOKEN), "all-tables": Site(apps=_APPS_WITH_TABLES)}
    sites |= (
        _create_session_sites(scenario, origin)
        | _create_own_sites(scenario, origin)
        | _create_simplejwt_sites(scenario)
        | _create_peer_sites(scenario, origin)
    )
    return sites[name]


_APPS_WITH_TABLES = ("django_cognito", "django_cognito.datasets", "rest_framework.authtoken")


def _create_own_sites(scenario: Scenario, origin: str) -> dict[str, Site]:
    settings = {
        "USER_POOL_ID": scenario.user_pool_id,
        "CLIENT_ID": scenario.client_id,
        "GROUPS": {GROUP: {"permissions": [PERMISSION]}},
    }
    with_cache = {**settings, "USER_CACHE_SECONDS": 60}
    with_key_url = {**settings, "JWKS_URI": f"{origin}/jwks.json"}
    # The keys become old in each phase of the outage, so that a fetch in the background fails.
    in_outage = {**with_key_url, "DOMAIN": origin, "JWKS_MAX_AGE_SECONDS": 10}
    redis = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": Path(scenario.folder).name,
    }
    apps, middleware = ("django_cognito",), ("django_cognito.middleware.CognitoMiddleware",)
    drf = "django_cognito.drf.CognitoAuthentication"
    return {
        "django-cognito": Site(drf, apps, (), {"COGNITO": settings}),
        "django-cognito-redis": Site(drf, apps, (), {"COGNITO": settings, "CACHES": {"default": redis}}),
        "start-django-cognito": Site(drf, apps, middleware, {"COGNITO": with_key_url}),
        "outage-django-cognito": Site(drf, apps, middleware, {"COGNITO": in_outage}),
        "django-cognito-datasets": Site(drf, (*apps, "django_cognito.datasets"), middleware, {"COGNITO": settings}),
        "django-cognito-cached": Site(drf, apps, (), {"COGNITO": with_cache}),
        "django-cognito-cached-middleware": Site(drf, apps, middleware, {"COGNITO": with_cache}),
    }


def _create_session_sites(scenario: Scenario, origin: str) -> dict[str, Site]:
    """Return the sites whose pages have a session login; each with its default configuration."""
    own = {
        "USER_POOL_ID": scenario.user_pool_id,
        "CLIENT_ID": scenario.client_id,
        "DOMAIN": origin,
        "GROUPS": {GROUP: {"permissions": [PERMISSION]}},
    }
    allauth = "allauth.account.auth_backends.AuthenticationBackend"
    return {
        "session": Site(),
        "django-cognito-session": Site(
            "django_cognito.drf.CognitoAuthentication",
            ("django_cognito",),
            ("django_cognito.middleware.CognitoMiddleware",),
            {"COGNITO": own},
        ),
        "mozilla-django-oidc-session": Site(
            middleware=("mozilla_django_oidc.middleware.SessionRefresh",),
            settings=_create_oidc_settings(scenario, origin),
        ),
        "allauth-session": Site(
            apps=("allauth", "allauth.account"),
            middleware=("allauth.account.middleware.AccountMiddleware",),
            settings={"AUTHENTICATION_BACKENDS": [allauth]},
        ),
    }


def _create_simplejwt_sites(scenario: Scenario) -> dict[str, Site]:
    settings = {
        "SIMPLE_JWT": {
            "ALGORITHM": "RS256",
            "VERIFYING_KEY": scenario.pem,
            "ISSUER": scenario.issuer,
            "TOKEN_TYPE_CLAIM": "token_use",
            "USER_ID_CLAIM": "username",
            "USER_ID_FIELD": "username",
        }
    }
    module = "rest_framework_simplejwt.authentication"
    return {
        "simplejwt": Site(f"{module}.JWTAuthentication", settings=settings),
        "simplejwt-stateless": Site(f"{module}.JWTStatelessUserAuthentication", settings=settings),
    }


def _create_peer_sites(scenario: Scenario, origin: str) -> dict[str, Site]:
    region = scenario.user_pool_id.split("_")[0]
    cognito_jwt = {
        "COGNITO_AWS_REGION": region,
        "COGNITO_USER_POOL": scenario.user_pool_id,
        "COGNITO_AUDIENCE": None,  # access tokens have no `aud`, so it does not check the client
        "COGNITO_USER_MODEL": "site.CognitoUser",
    }
    with_cache = {**cognito_jwt, "COGNITO_PUBLIC_KEYS_CACHING_ENABLED": True}
    oidc = _create_oidc_settings(scenario, origin)
    drf, apps = "django_cognito_jwt.JSONWebTokenAuthentication", ("benchmarks.site",)
    return {
        "django-cognito-jwt": Site(drf, apps, settings=cognito_jwt),
        "django-cognito-jwt-cached": Site(drf, apps, settings=with_cache),
        "mozilla-django-oidc": Site("mozilla_django_oidc.contrib.drf.OIDCAuthentication", settings=oidc),
    }


def _create_oidc_settings(scenario: Scenario, origin: str) -> dict[str, Any]:
    backend = "mozilla_django_oidc.auth.OIDCAuthenticationBackend"
    return {
        "AUTHENTICATION_BACKENDS": [backend],
        "OIDC_DRF_AUTH_BACKEND": backend,
        "OIDC_OP_AUTHORIZATION_ENDPOINT": f"{origin}/authorize",
        "OIDC_OP_TOKEN_ENDPOINT": f"{origin}/token",
        "OIDC_OP_USER_ENDPOINT": f"{origin}/userInfo",
        "OIDC_OP_JWKS_ENDPOINT": f"{origin}/jwks.json",
        "OIDC_RP_CLIENT_ID": scenario.client_id,
        "OIDC_RP_CLIENT_SECRET": "none",
        "OIDC_RP_SIGN_ALGO": "RS256",
    }
