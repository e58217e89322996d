"""What `manage.py check` says about the settings. Words and ids are `conf.problems`'s; reaches nothing."""

from collections.abc import Callable, Iterator, Sequence
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
_BACKEND = "django_cognito.backends.CognitoBackend"
_WRITING_MODES = ("IMMEDIATE", "EXCLUSIVE")  # of SQLite's transactions


@checks.register(checks.Tags.security)
def check_settings(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Errors in `COGNITO`, and risks in the settings around it."""
    found = find_problems(getattr(settings, "COGNITO", None))
    if found:
        return [checks.Error(problem.message, hint=problem.hint or None, id=problem.id) for problem in found]
    return [message for look in _LOOKS for message in look(get_pool_registry())]


@checks.register(checks.Tags.security, deploy=True)
def check_deployment(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Return warnings about URLs: those that a deployed site should not have, and one that it should have."""
    if find_problems(getattr(settings, "COGNITO", None)):
        return []  # said by check_settings
    pools = [found.user_pool for found in get_pool_registry().by_alias.values()]
    addresses = [each for pool in pools for each in (*pool.issuers, pool.jwks_uri, pool.endpoint_url, pool.domain)]
    plain = dict.fromkeys(address for address in addresses if address.startswith("http://"))
    messages: list[checks.CheckMessage] = [
        checks.Warning(f"COGNITO reaches {address} by plain http.", id="django_cognito.W101") for address in plain
    ]
    return [*messages, *_logout_uri_is_set(get_pool_registry())]


def _logout_uri_is_set(found: PoolRegistry) -> Iterator[checks.CheckMessage]:
    for each in found.by_alias.values():
        if each.domain and not each.logout_uri:
            message = f"COGNITO has a DOMAIN and no LOGOUT_URI (alias {each.alias!r})."
            hint = (
                "Without it Cognito's logout returns to the host of each request; Cognito shows an error instead if the"
                " app client does not have that URL among its sign-out URLs."
            )
            yield checks.Warning(message, hint=hint, id="django_cognito.W111")


def _middleware_order(_: PoolRegistry) -> Iterator[checks.CheckMessage]:
    at, authentication, login_required = map(_position, (_MIDDLEWARE, _AUTHENTICATION, _LOGIN_REQUIRED))
    if at is None:
        hint = f"Add {_MIDDLEWARE!r} after {_AUTHENTICATION!r}."
        yield checks.Warning("CognitoMiddleware is not in MIDDLEWARE.", hint=hint, id="django_cognito.W102")
        if any(database.get("ATOMIC_REQUESTS") for database in settings.DATABASES.values()):
            message = "ATOMIC_REQUESTS without CognitoMiddleware: a 403 rolls back the group removal that caused it."
            yield checks.Warning(message, hint=hint, id="django_cognito.W112")
        return
    if authentication is None or authentication > at:
        hint = "It wraps the user that AuthenticationMiddleware finds."
        yield checks.Error(
            "CognitoMiddleware must come after AuthenticationMiddleware.", hint=hint, id="django_cognito.E008"
        )
    if login_required is not None and login_required < at:
        hint = "Else bearer tokens are sent to the login page."
        yield checks.Warning(
            "CognitoMiddleware should come before LoginRequiredMiddleware.", hint=hint, id="django_cognito.W103"
        )


def _position(name: str) -> int | None:
    """Where the middleware, or a site's own subclass of it, stands; None where it does not."""
    wanted = import_string(name)
    found = (import_string(path) for path in settings.MIDDLEWARE)
    return next((at for at, each in enumerate(found) if isinstance(each, type) and issubclass(each, wanted)), None)


def _backend_is_there(_: PoolRegistry) -> Iterator[checks.CheckMessage]:
    if _BACKEND not in settings.AUTHENTICATION_BACKENDS:
        message = "CognitoBackend is not in AUTHENTICATION_BACKENDS: logins and permissions by group do not work."
        yield checks.Warning(message, hint=f"Add {_BACKEND!r} first.", id="django_cognito.W104")


def _moments_have_zones(_: PoolRegistry) -> Iterator[checks.CheckMessage]:
    if not settings.USE_TZ:
        message = "USE_TZ is off: the moments of tokens cannot be compared with those of the database."
        yield checks.Error(message, hint="Set USE_TZ = True, Django's default.", id="django_cognito.E011")


def _session_cookie(found: PoolRegistry) -> Iterator[checks.CheckMessage]:
    if any(each.domain for each in found.by_alias.values()) and settings.SESSION_COOKIE_SAMESITE == "Strict":
        message = "SESSION_COOKIE_SAMESITE = 'Strict': the page after a sign-in gets no session cookie."
        yield checks.Warning(message, hint="Use 'Lax'.", id="django_cognito.W105")


def _grace_outlasts_a_refresh(found: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """With rotation, the old refresh token must still be accepted when the next worker takes over."""
    settings = found.first
    if not any(each.domain for each in found.by_alias.values()):
        return
    if settings.refresh_grace_seconds <= settings.refresh_lease_seconds:
        message = (
            f"COGNITO['REFRESH_GRACE_SECONDS'] is {settings.refresh_grace_seconds:g}; expected more than"
            f" {settings.refresh_lease_seconds:g} (TOKEN_TIMEOUT_SECONDS + 5): with refresh token rotation, a worker"
            " that is killed during a refresh signs its user out."
        )
        hint = (
            "Raise RetryGracePeriodSeconds of the app client (at most 60) and REFRESH_GRACE_SECONDS with it, or lower"
            " TOKEN_TIMEOUT_SECONDS. Without rotation, leave REFRESH_GRACE_SECONDS at 60."
        )
        yield checks.Warning(message, hint=hint, id="django_cognito.W114")


def _attributes_are_fields(found: PoolRegistry) -> Iterator[checks.CheckMessage]:
    model = get_user_model()
    plain = {field.name for field in model._meta.concrete_fields if not field.is_relation and not field.primary_key}
    for name in dict.fromkeys(name for each in found.by_alias.values() for name in each.attributes):
        if name in _NOT_FOR_CLAIMS:
            # Users may write most of their attributes themselves.
            message, hint = f"COGNITO['ATTRIBUTES'] lets a claim decide {name!r}.", "Give flags by GROUPS."
        elif name not in plain:
            message = f"COGNITO['ATTRIBUTES'] names {name!r}, which is no plain field of {model._meta.label}."
            hint = "Its keys are fields of the user model that hold a value of their own."
        else:
            continue
        yield checks.Error(message, hint=hint, id="django_cognito.E009")


def _user_has_what_groups_give(found: PoolRegistry) -> Iterator[checks.CheckMessage]:
    model, every = get_user_model(), found.by_alias.values()
    grants = [grant for each in every for grant in each.groups.values()]
    given = {
        "groups": any(each.mirror_groups for each in every) or any(grant.groups for grant in grants),
        "is_staff": any(grant.staff for grant in grants),
        "is_superuser": any(grant.superuser for grant in grants),
    }
    has = {field.name for field in (*model._meta.concrete_fields, *model._meta.many_to_many)}
    for name in [name for name, is_given in given.items() if is_given and name not in has]:
        message = f"COGNITO's groups give {name!r}, which is no field of {model._meta.label}."
        yield checks.Error(message, hint="Let the model inherit what it lacks.", id="django_cognito.E010")


def _groups_are_confirmed(found: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Of a site whose groups stand in ID tokens alone, which API requests do not carry."""
    named = [each for each in found.by_alias.values() if each.groups_claim != COGNITO_GROUPS]
    if found.first.token_use == "id" or not named or (all(each.domain for each in named) and _has_session_login()):
        return
    message = "COGNITO['GROUPS_CLAIM'] stands in ID tokens, and no login is installed that gets them."
    hint = (
        "Groups end REMEMBERED_GROUPS_SECONDS after the last ID token. Set DOMAIN, include django_cognito.urls and add "
        "CognitoMiddleware; or have a trigger add the claim to access tokens, and silence this check."
    )
    yield checks.Warning(message, hint=hint, id="django_cognito.W110")


def _has_session_login() -> bool:
    try:
        reverse("cognito:callback")
    except NoReverseMatch:
        return False
    return _position(_MIDDLEWARE) is not None


def _resolver_is_there(found: PoolRegistry) -> Iterator[checks.CheckMessage]:
    path = found.first.pool_resolver
    if callable(path) or not path:
        return
    try:
        is_function = callable(import_string(path))
    except ImportError:
        is_function = False
    if not is_function:
        message = f"COGNITO['POOL_RESOLVER'] names {path!r}, which cannot be imported as a function."
        hint = "It takes a request, and gives an alias of POOLS."
        yield checks.Error(message, hint=hint, id="django_cognito.E015")


def _forms_reach_the_hosted_ui(found: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Of Django's own policy (6.0), which holds forms to `form-action` through their redirects."""
    allowed = (getattr(settings, "SECURE_CSP", None) or {}).get("form-action")
    if not allowed or _CSP not in settings.MIDDLEWARE:
        return
    allowed = [allowed] if isinstance(allowed, str) else allowed
    for origin in dict.fromkeys(each.user_pool.domain for each in found.by_alias.values() if each.domain):
        if not any(_allows(str(source), origin) for source in allowed):
            message = f"SECURE_CSP's form-action leaves out {origin}: a click on sign-out does nothing."
            yield checks.Warning(message, hint="Name the hosted UI's origin there.", id="django_cognito.W106")


def _allows(source: str, origin: str) -> bool:
    """Whether a source of a policy takes in an origin (CSP 3, 6.7.2.8): by scheme, by host, or by `*.` and a host."""
    scheme, _, host = origin.partition("://")
    if source in ("*", f"{scheme}:"):
        return True
    named = source.removeprefix(f"{scheme}://").rstrip("/")
    return host == named or (named.startswith("*.") and host.endswith(named[1:]))


def _sqlite_waits_for_writers(_: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Not under DEBUG: a developer's own site has one writer at a time."""
    for alias, database in settings.DATABASES.items():
        # By the end of its name: a site, or GeoDjango, may have a backend of its own.
        is_sqlite = str(database.get("ENGINE", "")).endswith(("sqlite3", "spatialite"))
        options: Any = database.get("OPTIONS") or {}
        mode = options.get("transaction_mode") or "DEFERRED"
        if is_sqlite and not settings.DEBUG and str(mode).upper() not in _WRITING_MODES:
            message = (
                f"DATABASES[{alias!r}] is SQLite with transaction_mode {mode!r}: a transaction that reads before it"
                ' writes fails with "database is locked" while another one writes, and does not wait.'
            )
            hint = "Set OPTIONS = {'transaction_mode': 'IMMEDIATE'}."
            yield checks.Warning(message, hint=hint, id="django_cognito.W113")


_LOOKS: tuple[Callable[[PoolRegistry], Iterator[checks.CheckMessage]], ...] = (
    _middleware_order,
    _backend_is_there,
    _moments_have_zones,
    _session_cookie,
    _grace_outlasts_a_refresh,
    _attributes_are_fields,
    _user_has_what_groups_give,
    _groups_are_confirmed,
    _resolver_is_there,
    _forms_reach_the_hosted_ui,
    _sqlite_waits_for_writers,
)
