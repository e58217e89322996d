"""What a browser itself keeps of a sign-in under way: how it was begun, so that it can be begun once more.

Tabs that a browser opens at once ask at once, and of the sessions that they are given the last one stays: the others'
states are lost with theirs. A cookie for each, good for one time, says where it was going. It holds no secret and opens
nothing: what is begun once more has a state, a nonce and a code verifier of its own.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from posixpath import commonpath

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from .pending import LIFETIME_SECONDS

_PREFIX = "cognito_sign_in_"
_MOST = 10
_MOST_CHARS = 3_000  # servers refuse requests with headers of eight thousand


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a sign-in was begun: at which alias of POOLS, to go where, asking Cognito what; and whether once more."""

    alias: str
    next_url: str
    asked: Mapping[str, str]
    is_second: bool = False


def keep(request: HttpRequest, response: HttpResponse, state: str, attempt: Attempt) -> HttpResponse:
    """`response`, which has the browser keep how the sign-in of `state` was begun; nothing where that is too long."""
    written = json.dumps(asdict(attempt))
    others = [name for name in request.COOKIES if name.startswith(_PREFIX)]
    chars = len(written) + sum(len(request.COOKIES[name]) for name in others)
    if len(others) >= _MOST or chars > _MOST_CHARS:
        _delete(response, others)
    if len(written) <= _MOST_CHARS // 2:
        response.set_signed_cookie(
            _name(state),
            written,
            salt=state,
            max_age=LIFETIME_SECONDS,
            path=_path(),
            domain=settings.SESSION_COOKIE_DOMAIN,
            secure=settings.SESSION_COOKIE_SECURE or request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
    return response


def kept(request: HttpRequest, state: str) -> Attempt | None:
    """How this browser began the sign-in of `state`; None where it says nothing of it."""
    written = request.get_signed_cookie(_name(state), None, salt=state, max_age=LIFETIME_SECONDS)
    return Attempt(**json.loads(written)) if written else None


def forget(request: HttpRequest, response: HttpResponse, state: str | None = None) -> HttpResponse:
    """`response`, after which the browser says nothing more of the sign-in of `state`, or of any."""
    mine = _PREFIX if state is None else _name(state)
    _delete(response, [name for name in request.COOKIES if name.startswith(mine)])
    return response


def _delete(response: HttpResponse, names: list[str]) -> None:
    for name in names:
        response.delete_cookie(name, path=_path(), domain=settings.SESSION_COOKIE_DOMAIN, samesite="Lax")


def _name(state: str) -> str:
    # Not the state itself: a cookie's name has fewer signs, and stands in more logs.
    return _PREFIX + hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()[:16]


def _path() -> str:
    """Where the login's addresses are: no other page is sent these cookies."""
    return commonpath([reverse("cognito:login"), reverse("cognito:callback")])
