"""Who authenticates the view: ours and each peer, set up as its own documents say. Imports none of them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..tokens import GROUP, Scene

PERMISSION = "auth.change_group"
DRF_TOKEN = "rest_framework.authentication.TokenAuthentication"


@dataclass(frozen=True)
class Site:
    """An authentication class, and what its package wants in the settings."""

    authentication: str = ""  # empty: nobody authenticates
    apps: tuple[str, ...] = ()
    middleware: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


def opaque(raw: str) -> str:
    """The token of DRF's own kind that stands for `raw`."""
    return hashlib.sha1(raw.encode(), usedforsecurity=False).hexdigest()


def site_of(name: str, scene: Scene, origin: str) -> Site:
    """The site called `name`."""
    sites: dict[str, Site] = {"open": Site(), "token": Site(DRF_TOKEN), "everything": Site(apps=_WITH_TABLES)}
    sites |= _ours(scene) | _simplejwt(scene) | _others(scene, origin)
    return sites[name]


_WITH_TABLES = ("django_cognito", "rest_framework.authtoken")


def _ours(scene: Scene) -> dict[str, Site]:
    given = {
        "USER_POOL_ID": scene.user_pool_id,
        "CLIENT_ID": scene.client_id,
        "GROUPS": {GROUP: {"permissions": [PERMISSION]}},
    }
    with_cache = {**given, "USER_CACHE_SECONDS": 60}
    apps, middleware = ("django_cognito",), ("django_cognito.middleware.CognitoMiddleware",)
    drf = "django_cognito.drf.CognitoAuthentication"
    return {
        "ours": Site(drf, apps, (), {"COGNITO": given}),
        "ours-cached": Site(drf, apps, (), {"COGNITO": with_cache}),
        "ours-cached-middleware": Site(drf, apps, middleware, {"COGNITO": with_cache}),
    }


def _simplejwt(scene: Scene) -> dict[str, Site]:
    settings = {
        "SIMPLE_JWT": {
            "ALGORITHM": "RS256",
            "VERIFYING_KEY": scene.pem,
            "ISSUER": scene.issuer,
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


def _others(scene: Scene, origin: str) -> dict[str, Site]:
    region, backend = scene.user_pool_id.split("_")[0], "mozilla_django_oidc.auth.OIDCAuthenticationBackend"
    cognito_jwt = {
        "COGNITO_AWS_REGION": region,
        "COGNITO_USER_POOL": scene.user_pool_id,
        "COGNITO_AUDIENCE": None,  # access tokens have no audience; which client they are for, it cannot check
        "COGNITO_USER_MODEL": "site.Person",
    }
    with_cache = {**cognito_jwt, "COGNITO_PUBLIC_KEYS_CACHING_ENABLED": True}
    oidc = {
        "AUTHENTICATION_BACKENDS": [backend],
        "OIDC_DRF_AUTH_BACKEND": backend,
        "OIDC_OP_TOKEN_ENDPOINT": f"{origin}/token",
        "OIDC_OP_USER_ENDPOINT": f"{origin}/userInfo",
        "OIDC_OP_JWKS_ENDPOINT": f"{origin}/jwks.json",
        "OIDC_RP_CLIENT_ID": scene.client_id,
        "OIDC_RP_CLIENT_SECRET": "none",
        "OIDC_RP_SIGN_ALGO": "RS256",
    }
    drf, apps = "django_cognito_jwt.JSONWebTokenAuthentication", ("benchmarks.site",)
    return {
        "django-cognito-jwt": Site(drf, apps, settings=cognito_jwt),
        "django-cognito-jwt-cached": Site(drf, apps, settings=with_cache),
        "mozilla-django-oidc": Site("mozilla_django_oidc.contrib.drf.OIDCAuthentication", settings=oidc),
    }
