"""The current settings: `COGNITO` is read once and again after it changes. No I/O."""

import threading
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver

from ..core.forks import run_in_forked_child
from .pool_registry import PoolRegistry, build_registry
from .schema import CognitoSettings
from .validation import find_problems

_lock = threading.Lock()
_current: PoolRegistry | None = None


def get_settings() -> CognitoSettings:
    """Return the current settings of the first pool. Keys of the site are the same for all pools.

    The object stays the same until `COGNITO` changes, so it can be a key of a cache.
    Raises ImproperlyConfigured with the messages of the system checks.
    """
    return get_pool_registry().first


def get_pool_registry() -> PoolRegistry:
    """Return the current settings of all pools. Raises ImproperlyConfigured as `get_settings` does."""
    global _current
    if (current := _current) is not None:
        return current
    with _lock:
        if (current := _current) is not None:
            return current
        # The setting is not stored in a variable: error reports would show its CLIENT_SECRET.
        if problems := find_problems(getattr(settings, "COGNITO", None), debug=settings.DEBUG):
            raise ImproperlyConfigured(" ".join(f"{problem.message} {problem.hint}".strip() for problem in problems))
        current = _current = build_registry(settings.COGNITO, debug=settings.DEBUG)
    return current


@receiver(setting_changed, dispatch_uid="django_cognito.conf")
def _on_setting_changed(*, setting: str, **_: Any) -> None:
    global _current
    has_insecure_hosts = setting == "DEBUG" and "INSECURE_HOSTS" in (getattr(settings, "COGNITO", None) or {})
    if setting == "COGNITO" or has_insecure_hosts:
        _current = None


@run_in_forked_child
def _replace_lock() -> None:
    """In a forked child, the thread that may have held the lock does not exist."""
    global _lock
    _lock = threading.Lock()
