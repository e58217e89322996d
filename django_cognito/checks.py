"""What `manage.py check` says about the settings. Words and ids are `conf.problems`'s; reaches nothing."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.apps.config import AppConfig
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.exceptions import FieldDoesNotExist

from .conf import CognitoSettings, get_settings, problems

_MIDDLEWARE = "django_cognito.middleware.CognitoMiddleware"
_AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
_LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"
_BACKEND = "django_cognito.backends.CognitoBackend"


@checks.register(checks.Tags.security)
def check_settings(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Errors in `COGNITO`, and risks in the settings around it."""
    found = problems(getattr(settings, "COGNITO", None))
    if found:
        return [checks.Error(problem.message, hint=problem.hint or None, id=problem.id) for problem in found]
    return [message for look in _LOOKS for message in look(get_settings())]


@checks.register(checks.Tags.security, deploy=True)
def check_deployment(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Addresses that a deployed site should not have."""
    if problems(getattr(settings, "COGNITO", None)):
        return []  # said by check_settings
    pool = get_settings().user_pool
    addresses = (*pool.issuers, pool.jwks_uri, pool.endpoint_url, pool.domain)
    plain = [address for address in addresses if address.startswith("http://")]
    return [checks.Warning(f"COGNITO reaches {address} by plain http.", id="django_cognito.W101") for address in plain]


def _middleware_order(_: CognitoSettings) -> Iterator[checks.CheckMessage]:
    order = list(settings.MIDDLEWARE)
    if _MIDDLEWARE not in order:
        hint = f"Add {_MIDDLEWARE!r} after {_AUTHENTICATION!r}."
        yield checks.Warning("CognitoMiddleware is not in MIDDLEWARE.", hint=hint, id="django_cognito.W102")
        return
    at = order.index(_MIDDLEWARE)
    if _AUTHENTICATION not in order[:at]:
        hint = "It wraps the user that AuthenticationMiddleware finds."
        yield checks.Error(
            "CognitoMiddleware must come after AuthenticationMiddleware.", hint=hint, id="django_cognito.E008"
        )
    if _LOGIN_REQUIRED in order[:at]:
        hint = "Else bearer tokens are sent to the login page."
        yield checks.Warning(
            "CognitoMiddleware should come before LoginRequiredMiddleware.", hint=hint, id="django_cognito.W103"
        )


def _backend_is_there(_: CognitoSettings) -> Iterator[checks.CheckMessage]:
    if _BACKEND not in settings.AUTHENTICATION_BACKENDS:
        message = "CognitoBackend is not in AUTHENTICATION_BACKENDS: logins and permissions by group do not work."
        yield checks.Warning(message, hint=f"Add {_BACKEND!r} first.", id="django_cognito.W104")


def _session_cookie(found: CognitoSettings) -> Iterator[checks.CheckMessage]:
    if found.domain and settings.SESSION_COOKIE_SAMESITE == "Strict":
        message = "SESSION_COOKIE_SAMESITE = 'Strict' loses every login on its way back from the hosted UI."
        yield checks.Warning(message, hint="Use 'Lax'.", id="django_cognito.W105")


def _fields_exist(found: CognitoSettings) -> Iterator[checks.CheckMessage]:
    model = get_user_model()
    for name in found.attributes:
        try:
            model._meta.get_field(name)
        except FieldDoesNotExist:
            message = f"COGNITO['ATTRIBUTES'] names {name!r}, which {model._meta.label} does not have."
            yield checks.Error(message, hint="Its keys are fields of the user model.", id="django_cognito.E009")


def _user_has_groups(found: CognitoSettings) -> Iterator[checks.CheckMessage]:
    gives_groups = found.mirror_groups or any(grant.groups for grant in found.groups.values())
    if gives_groups and not hasattr(get_user_model(), "groups"):
        message = f"COGNITO gives Django groups, which {get_user_model()._meta.label} does not have."
        yield checks.Error(message, hint="Let the model inherit PermissionsMixin.", id="django_cognito.E010")


_LOOKS: tuple[Callable[[CognitoSettings], Iterator[checks.CheckMessage]], ...] = (
    _middleware_order,
    _backend_is_there,
    _session_cookie,
    _fields_exist,
    _user_has_groups,
)
