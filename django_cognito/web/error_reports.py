"""Removal of tokens from error reports. Must not import a reporter such as Sentry: it may not be installed."""

import hashlib
import sys
from functools import cache
from typing import Any

_HIDDEN = frozenset({"authorization", "x-cognito-id-token", "x-amzn-oidc-accesstoken", "x-amzn-oidc-data"})


def take_id_token(request: Any) -> str | None:
    """Return the raw ID token of the header X-Cognito-Id-Token; None without one. Removes the header from the request.

    Also hides the Authorization header from Sentry.
    """
    if "HTTP_AUTHORIZATION" in request.META:
        _hide_from_sentry()
    return take_header(request, "X-Cognito-Id-Token")


def take_header(request: Any, name: str, *, leaves_digest: bool = False) -> str | None:
    """Return the value of the header `name`; None without it. Removes the header from the request.

    With `leaves_digest`, `request.META` has a digest instead: Django's cache computes its keys from the headers that
    Vary names, and without one all users would have the same key. Reporters hold `request.META` (the WSGI environ) and
    the ASGI `scope`, and read them when an error is reported. The value is stored where no `repr` shows it, so that
    later calls return it as well.
    """
    is_taken = hasattr(request, _attribute(name))
    value: str | None = None if is_taken else request.META.pop(_meta_key(name), None)
    if value is not None:
        setattr(request, _attribute(name), lambda: value)
        if leaves_digest:
            request.META[_meta_key(name)] = hashlib.sha256(value.encode()).hexdigest()
        request.__dict__.pop("headers", None)  # Django's cached copy of META
        if (scope := getattr(request, "scope", None)) is not None:
            headers = scope["headers"]
            # Django reads "_" in a name as "-".
            own = name.lower().encode()
            remaining = [pair for pair in headers if bytes(pair[0]).lower().replace(b"_", b"-") != own]
            if isinstance(headers, list):
                headers[:] = remaining  # a copy of `scope` has the same list
            else:
                scope["headers"] = remaining
        _hide_from_sentry()
    stored = getattr(request, _attribute(name), None)
    return None if stored is None else str(stored())


def has_header(request: Any, name: str) -> bool:
    """Return whether the request has the header `name`, or had it before `take_header` removed it."""
    return _meta_key(name) in request.META or hasattr(request, _attribute(name))


@cache
def _meta_key(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"


@cache
def _attribute(name: str) -> str:
    return f"_cognito_header_{name.lower().replace('-', '_')}"


def _hide_from_sentry() -> None:
    """Remove both tokens from the Sentry events of this request.

    Its WSGI integration copies the headers before Django sees the request: removing one from the environ is too late.
    """
    sentry_sdk: Any = sys.modules.get("sentry_sdk")
    if sentry_sdk is None or not hasattr(sentry_sdk, "get_isolation_scope") or not sentry_sdk.get_client().is_active():
        return
    scope = sentry_sdk.get_isolation_scope()  # of this request, if an integration created one
    if _without_tokens not in getattr(scope, "_event_processors", ()):
        scope.add_event_processor(_without_tokens)


def _without_tokens(event: Any, _: Any) -> Any:
    headers = event.get("request", {}).get("headers")
    if isinstance(headers, dict):
        event["request"]["headers"] = {
            name: "[Filtered]" if name.lower() in _HIDDEN else value for name, value in headers.items()
        }
    return event
