"""The settings in force: one dict, `COGNITO`, read once. Reaches nothing, keeps nothing alive."""

import threading
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from ..core.forks import run_in_forked_child
from .schema import CognitoSettings, GroupGrant, Pools, pools_of
from .validation import problems

__all__ = ["CognitoSettings", "GroupGrant", "Pools", "get_pools", "get_settings", "problems", "settings_of"]

_lock = threading.Lock()
_current: Pools | None = None


def get_settings() -> CognitoSettings:
    """The settings in force, of the site's first pool: what is the site's own is the same for all.

    One object until `COGNITO` changes, so what is made of it may hang on its identity.
    Raises ImproperlyConfigured, in the words of the system checks.
    """
    return get_pools().first


def get_pools() -> Pools:
    """The settings in force, of every pool. Raises ImproperlyConfigured as `get_settings` does."""
    global _current
    current = _current
    if current is None:
        with _lock:
            current = _current = _current or _read()
    return current


def settings_of(user_pool_id: str, client_id: str = "") -> CognitoSettings:
    """What holds for a verified token of that pool and client; the first pool's where it is configured no longer."""
    pools = get_pools()
    return pools.of(user_pool_id, client_id) or pools.first


def _read() -> Pools:
    value: Any = getattr(settings, "COGNITO", None)
    if found := problems(value):
        raise ImproperlyConfigured(" ".join(f"{problem.message} {problem.hint}".strip() for problem in found))
    return pools_of(value)


def _forget(*, setting: str, **_: Any) -> None:
    global _current
    if setting == "COGNITO":
        _current = None


def _renew_lock() -> None:
    """In a forked child, the thread that may have held the lock does not exist."""
    global _lock
    _lock = threading.Lock()


setting_changed.connect(_forget, dispatch_uid="django_cognito.conf.loading")
run_in_forked_child(_renew_lock)
