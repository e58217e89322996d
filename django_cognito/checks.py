"""System checks of `COGNITO` and of the settings around it. No I/O."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from django.apps.config import AppConfig
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from .conf.loading import get_pool_registry
from .conf.pool_registry import PoolRegistry
from .conf.schema import COGNITO_GROUPS
from .conf.validation import find_problems

_MIDDLEWARE = "django_cognito.middleware.CognitoMiddleware"
_AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
_LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"
_CSP = "django.middleware.csp.ContentSecurityPolicyMiddleware"
_NOT_FOR_CLAIMS = ("password", "is_staff", "is_superuser")
_USER_ADAPTER = "django_cognito.users.UserAdapter"
_BACKEND = "django_cognito.backends.CognitoBackend"
_WRITING_MODES = ("IMMEDIATE", "EXCLUSIVE")  # of SQLite's transactions


@checks.register(checks.Tags.security)
def check_settings(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Return errors in `COGNITO`; without errors, problems of the settings around it."""
    problems = find_problems(getattr(settings, "COGNITO", None))
    if problems:
        return [checks.Error(problem.message, hint=problem.hint or None, id=problem.id) for problem in problems]
    return [message for check in _CHECKS for message in check(get_pool_registry())]


@checks.register(checks.Tags.security, deploy=True)
def check_deployment(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Return warnings about URLs: those that a deployed site should not have, and one that it should have."""
    if find_problems(getattr(settings, "COGNITO", None)):
        return []  # reported by check_settings
    aliases = get_pool_registry().by_alias.values()
    pools = [alias.user_pool for alias in aliases]
    urls = [url for pool in pools for url in (*pool.issuers, pool.jwks_uri, pool.endpoint_url, pool.domain)]
    plain = dict.fromkeys(url for url in urls if url.startswith("http://"))
    messages: list[checks.CheckMessage] = [
        checks.Warning(f"COGNITO uses {url} with plain http.", id="django_cognito.W101") for url in plain
    ]
    hint = (
        "Without it Cognito's logout returns to the host of each request; Cognito shows an error instead if the app"
        " client does not have that URL among its sign-out URLs."
    )
    for alias in aliases:
        if alias.domain and not alias.logout_uri:
            message = f"COGNITO has a DOMAIN and no LOGOUT_URI (alias {alias.alias!r})."
            messages.append(checks.Warning(message, hint=hint, id="django_cognito.W111"))
    return messages


def _check_middleware_order(_: PoolRegistry) -> Iterator[checks.CheckMessage]:
    at, authentication, login_required = map(_position, (_MIDDLEWARE, _AUTHENTICATION, _LOGIN_REQUIRED))
    if at is None:
        hint = f"Add {_MIDDLEWARE!r} after {_AUTHENTICATION!r}."
        yield checks.Warning("CognitoMiddleware is not in MIDDLEWARE.", hint=hint, id="django_cognito.W102")
        if any(database.get("ATOMIC_REQUESTS") for database in settings.DATABASES.values()):
            message = "ATOMIC_REQUESTS without CognitoMiddleware: a 403 rolls back the group removal that caused it."
            yield checks.Warning(message, hint=hint, id="django_cognito.W112")
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


def _position(name: str) -> int | None:
    """Return the position of the middleware, or of a subclass of it; None if it is not installed."""
    wanted = import_string(name)
    classes = (import_string(path) for path in settings.MIDDLEWARE)
    return next((at for at, cls in enumerate(classes) if isinstance(cls, type) and issubclass(cls, wanted)), None)


def _check_django_settings(_: PoolRegistry) -> Iterator[checks.CheckMessage]:
    if _BACKEND not in settings.AUTHENTICATION_BACKENDS:
        message = "CognitoBackend is not in AUTHENTICATION_BACKENDS: logins and permissions by group do not work."
        yield checks.Warning(message, hint=f"Add {_BACKEND!r} first.", id="django_cognito.W104")
    if not settings.USE_TZ:
        message = "USE_TZ is off: the times of tokens cannot be compared with those of the database."
        yield checks.Error(message, hint="Set USE_TZ = True, Django's default.", id="django_cognito.E011")
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


def _check_login(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check what a login through the hosted UI needs: the session cookie, time for a refresh, redirects of forms."""
    domains = dict.fromkeys(alias.user_pool.domain for alias in registry.by_alias.values() if alias.domain)
    if domains and settings.SESSION_COOKIE_SAMESITE == "Strict":
        message = "SESSION_COOKIE_SAMESITE = 'Strict': the page after a sign-in gets no session cookie."
        yield checks.Warning(message, hint="Use 'Lax'.", id="django_cognito.W105")
    # With rotation, the old refresh token must still be accepted when the next worker takes over.
    grace, lease = registry.first.refresh_grace_seconds, registry.first.refresh_lease_seconds
    if domains and grace <= lease:
        message = (
            f"COGNITO['REFRESH_GRACE_SECONDS'] is {grace:g}; expected more than {lease:g} (TOKEN_TIMEOUT_SECONDS + 5):"
            " with refresh token rotation, a worker that is killed during a refresh signs its user out."
        )
        hint = (
            "Raise RetryGracePeriodSeconds of the app client (at most 60) and REFRESH_GRACE_SECONDS with it, or lower"
            " TOKEN_TIMEOUT_SECONDS. Without rotation, leave REFRESH_GRACE_SECONDS at 60."
        )
        yield checks.Warning(message, hint=hint, id="django_cognito.W114")
    # Django's own policy (6.0): browsers apply `form-action` to the redirects of a form as well.
    policy = getattr(settings, "SECURE_CSP", None) if _CSP in settings.MIDDLEWARE else None
    allowed = (policy or {}).get("form-action") or ()
    sources = [allowed] if isinstance(allowed, str) else list(map(str, allowed))
    for origin in domains if sources else ():
        # CSP 3, 6.7.2.8: a source matches by scheme, by host, or by `*.` and the end of the host.
        scheme, _, host = origin.partition("://")
        hosts = [source.removeprefix(f"{scheme}://").rstrip("/") for source in sources]
        is_subdomain = any(pattern.startswith("*.") and host.endswith(pattern[1:]) for pattern in hosts)
        if not is_subdomain and host not in hosts and {"*", f"{scheme}:"}.isdisjoint(sources):
            message = f"SECURE_CSP's form-action does not include {origin}: a click on sign-out does nothing."
            yield checks.Warning(message, hint="Add the origin of the hosted UI.", id="django_cognito.W106")


def _check_user_model(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that the fields exist that ATTRIBUTES fill and that groups grant."""
    model, aliases = get_user_model(), registry.by_alias.values()
    plain = {field.name for field in model._meta.concrete_fields if not field.is_relation and not field.primary_key}
    for name in dict.fromkeys(name for alias in aliases for name in alias.attributes):
        if name in _NOT_FOR_CLAIMS:
            # Users may write most of their attributes themselves.
            message, hint = f"COGNITO['ATTRIBUTES'] lets a claim decide {name!r}.", "Grant flags with GROUPS."
            yield checks.Error(message, hint=hint, id="django_cognito.E009")
        elif name not in plain:
            message = f"COGNITO['ATTRIBUTES'] names {name!r}, which is no plain field of {model._meta.label}."
            hint = "Set COGNITO['ATTRIBUTES'] to fields that exist on your user model."
            yield checks.Error(message, hint=hint, id="django_cognito.E009")
    grants = [grant for alias in aliases for grant in alias.groups.values()]
    is_granted = {
        "groups": any(alias.mirror_groups for alias in aliases) or any(grant.groups for grant in grants),
        "is_staff": any(grant.staff for grant in grants),
        "is_superuser": any(grant.superuser for grant in grants),
    }
    fields = {field.name for field in (*model._meta.concrete_fields, *model._meta.many_to_many)}
    for name in [name for name, is_needed in is_granted.items() if is_needed and name not in fields]:
        message = f"COGNITO's groups grant {name!r}, which is no field of {model._meta.label}."
        yield checks.Error(message, hint="Inherit from PermissionsMixin, or add the field.", id="django_cognito.E010")


def _check_user_adapters(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that each USER_ADAPTER can be imported and is a subclass of UserAdapter."""
    base = import_string(_USER_ADAPTER)
    for path in dict.fromkeys(alias.user_adapter for alias in registry.by_alias.values() if alias.user_adapter):
        problem = "which is no subclass of django_cognito.users.UserAdapter"
        try:
            adapter = import_string(path)
        except ImportError as error:
            adapter, problem = None, f"which cannot be imported: {error}"
        is_adapter = isinstance(adapter, type) and issubclass(adapter, base)
        if is_adapter and not _is_name_list(adapter.claims):
            is_adapter, problem = False, "whose `claims` is not a tuple of claim names"
        if not is_adapter:
            message = f"COGNITO['USER_ADAPTER'] names {path!r}, {problem}."
            hint = "Set it to the dotted path of a class, for example 'mysite.users.Adapter'. See docs/extending.md."
            yield checks.Error(message, hint=hint, id="django_cognito.E050")


def _is_name_list(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(name, str) for name in value)


def _check_cognito_settings(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    # Custom groups claims are in ID tokens only, which API requests do not have, but logins of this site get.
    custom = [alias for alias in registry.by_alias.values() if alias.groups_claim != COGNITO_GROUPS]
    needs_login = bool(custom) and registry.first.token_use != "id"
    if needs_login and all(alias.domain for alias in custom) and _position(_MIDDLEWARE) is not None:
        with suppress(NoReverseMatch):
            reverse("cognito:callback")
            needs_login = False
    if needs_login:
        message = "COGNITO['GROUPS_CLAIM'] is in ID tokens only, and no login is installed that gets them."
        hint = (
            "Groups expire REMEMBERED_GROUPS_SECONDS after the last ID token. Set DOMAIN, include django_cognito.urls"
            " and add CognitoMiddleware; or have a trigger add the claim to access tokens, and silence this check."
        )
        yield checks.Warning(message, hint=hint, id="django_cognito.W110")
    path = registry.first.pool_resolver
    try:
        is_function = not path or callable(path) or callable(import_string(path))
    except ImportError:
        is_function = False
    if not is_function:
        message = f"COGNITO['POOL_RESOLVER'] names {path!r}, which cannot be imported as a function."
        hint = "It takes a request and returns an alias of POOLS."
        yield checks.Error(message, hint=hint, id="django_cognito.E015")


_CHECKS: tuple[Callable[[PoolRegistry], Iterator[checks.CheckMessage]], ...] = (
    _check_middleware_order,
    _check_django_settings,
    _check_login,
    _check_user_model,
    _check_user_adapters,
    _check_cognito_settings,
)
