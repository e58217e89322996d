"""The parts of the site that the checks depend on: URLs, middleware and backends. No I/O."""

import inspect
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils.module_loading import import_string

COGNITO_MIDDLEWARE = "django_cognito.middleware.CognitoMiddleware"
COGNITO_BACKEND = "django_cognito.backends.CognitoBackend"
COGNITO_AUTHENTICATION = "django_cognito.drf.CognitoAuthentication"
MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


def find_callback_path() -> str | None:
    """Return the path of the callback; None if the site does not include `django_cognito.urls`."""
    if getattr(settings, "ROOT_URLCONF", None):
        with suppress(NoReverseMatch):
            return reverse("cognito:callback")
    return None


def find_view(path: str) -> Any:
    """Return the view of a path; None if no URL pattern matches."""
    try:
        return resolve(path).func
    except Resolver404:
        return None


def find_position(name: str, paths: Iterable[Any]) -> int | None:
    """Return the position of the class `name`, or of a subclass of it, in `paths`; None if there is none.

    `paths` are dotted paths or, as DRF allows, classes.
    """
    wanted = import_string(name)
    classes = (import_string(path) if isinstance(path, str) else path for path in paths)
    return next((at for at, cls in enumerate(classes) if isinstance(cls, type) and issubclass(cls, wanted)), None)


def has_backend(name: str) -> bool:
    """Return whether the class `name`, or a subclass of it, is in AUTHENTICATION_BACKENDS."""
    return find_position(name, settings.AUTHENTICATION_BACKENDS) is not None


def has_password_backend() -> bool:
    """Return whether a backend accepts a username and a password, decided as by Django's `authenticate`."""
    for path in settings.AUTHENTICATION_BACKENDS:
        with suppress(TypeError):
            inspect.signature(import_string(path)().authenticate).bind(None, username="", password="")
            return True
    return False


def has_default_authentication() -> bool:
    """Return whether CognitoAuthentication, or a subclass, is the default of Django REST framework."""
    options = getattr(settings, "REST_FRAMEWORK", None) or {}
    paths = options.get("DEFAULT_AUTHENTICATION_CLASSES") or ()
    is_importable = bool(paths) and find_spec("rest_framework") is not None
    return is_importable and find_position(COGNITO_AUTHENTICATION, paths) is not None
