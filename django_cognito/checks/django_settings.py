"""Checks of Django's own settings and of Django REST framework's: what the package needs of the site."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks

from ..conf.pool_registry import PoolRegistry
from . import site_parts

_AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
_LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"
_WRITING_MODES = ("IMMEDIATE", "EXCLUSIVE")  # of SQLite's transactions


def check_middleware(_: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that CognitoMiddleware is installed if the site needs it, and its position."""
    names = (site_parts.COGNITO_MIDDLEWARE, _AUTHENTICATION, _LOGIN_REQUIRED)
    at, authentication, login_required = (site_parts.find_position(name, settings.MIDDLEWARE) for name in names)
    if at is None:
        yield from _check_without_middleware()
        return
    if authentication is None or authentication > at:
        hint = "It wraps the user that AuthenticationMiddleware sets. Move it after AuthenticationMiddleware."
        yield checks.Error(
            "CognitoMiddleware must come after AuthenticationMiddleware.", hint=hint, id="django_cognito.E008"
        )
    if login_required is not None and login_required < at:
        hint = "Otherwise requests with bearer tokens are redirected to the login page."
        yield checks.Warning(
            "CognitoMiddleware should come before LoginRequiredMiddleware.", hint=hint, id="django_cognito.W103"
        )


def _check_without_middleware() -> Iterator[checks.CheckMessage]:
    hint = f"Add {site_parts.COGNITO_MIDDLEWARE!r} to MIDDLEWARE after {_AUTHENTICATION!r}."
    if site_parts.find_callback_path() is not None:
        message = (
            "CognitoMiddleware is not in MIDDLEWARE, and the login URLs are installed: tokens of sessions are not"
            " refreshed, and a session outlives its user's access."
        )
        yield checks.Error(message, hint=hint, id="django_cognito.E021")
    elif not site_parts.has_default_authentication() or apps.is_installed("django_cognito.datasets"):
        # An API of CognitoAuthentication alone needs no middleware; the views of datasets are no API of a framework.
        message = "CognitoMiddleware is not in MIDDLEWARE: views other than those of an API framework ignore tokens."
        yield checks.Warning(message, hint=hint, id="django_cognito.W102")
    if any(database.get("ATOMIC_REQUESTS") for database in settings.DATABASES.values()):
        message = "ATOMIC_REQUESTS without CognitoMiddleware: a 403 rolls back the group removal that caused it."
        yield checks.Warning(message, hint=hint, id="django_cognito.W112")


def check_backend(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that CognitoBackend is installed if sessions or permissions of groups need it. An API may do without."""
    mappings = [item for alias in registry.by_alias.values() for item in (alias.groups, alias.tenant_groups)]
    grants = [grant for mapping in mappings for grant in mapping.values()]
    has_path = site_parts.COGNITO_BACKEND in settings.AUTHENTICATION_BACKENDS  # sessions contain it: no subclass counts
    if site_parts.find_callback_path() is not None and not has_path:
        reason = "the login URLs are installed: a sign-in cannot start a session"
    elif any(grant.permissions for grant in grants) and not site_parts.has_backend(site_parts.COGNITO_BACKEND):
        reason = "COGNITO['GROUPS'] grants permissions: `has_perm` ignores them"
    else:
        return
    message = f"CognitoBackend is not in AUTHENTICATION_BACKENDS, and {reason}."
    hint = f"Add {site_parts.COGNITO_BACKEND!r} to AUTHENTICATION_BACKENDS, as its first entry."
    yield checks.Error(message, hint=hint, id="django_cognito.E020")


def check_time_zones(_: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that times are aware."""
    if not settings.USE_TZ:
        message = "USE_TZ is off: the times of tokens cannot be compared with those of the database."
        yield checks.Error(message, hint="Set USE_TZ = True, Django's default.", id="django_cognito.E011")


def check_databases(_: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that parallel writers of SQLite wait for each other."""
    for alias, database in settings.DATABASES.items():
        # By the end of its name: a site, or GeoDjango, may have a backend of its own.
        is_sqlite = str(database.get("ENGINE", "")).endswith(("sqlite3", "spatialite"))
        options: Any = database.get("OPTIONS") or {}
        mode = options.get("transaction_mode") or "DEFERRED"
        # Not with DEBUG: a development site has one writer at a time.
        if is_sqlite and not settings.DEBUG and str(mode).upper() not in _WRITING_MODES:
            message = (
                f"DATABASES[{alias!r}] is SQLite with transaction_mode {mode!r}: a transaction that reads before it"
                ' writes fails with "database is locked" while another one writes, and does not wait.'
            )
            hint = "Set OPTIONS = {'transaction_mode': 'IMMEDIATE'}."
            yield checks.Warning(message, hint=hint, id="django_cognito.W113")


def check_rest_framework(_: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that Django REST framework, if it is installed, authenticates tokens by default."""
    if apps.is_installed("rest_framework") and not site_parts.has_default_authentication():
        message = (
            "REST_FRAMEWORK['DEFAULT_AUTHENTICATION_CLASSES'] does not contain CognitoAuthentication: API views reject"
            " Cognito's tokens, except those with `authentication_classes` of their own."
        )
        hint = (
            f"Set it to [{site_parts.COGNITO_AUTHENTICATION!r}, 'rest_framework.authentication.SessionAuthentication'];"
            " the second one is for sessions. If each view lists its classes itself, silence this check."
        )
        yield checks.Warning(message, hint=hint, id="django_cognito.W127")


def check_cache_alias(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that the cache of revoked sign-ins exists."""
    alias = registry.first.cache
    if alias not in settings.CACHES:
        message = f"COGNITO['CACHE'] is {alias!r}, which is not in CACHES: every request with a token fails."
        hint = f"Use one of {', '.join(map(repr, settings.CACHES))}, or add it."
        yield checks.Error(message, hint=hint, id="django_cognito.E030")
