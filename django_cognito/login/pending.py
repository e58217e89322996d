"""Sign-ins under way in a browser: what was sent to the hosted UI, kept in the session until it comes back."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest

from ..core.clock import unix_time
from ..core.errors import SignInError
from ..core.hosted_ui import SignInSecrets

_SESSION_KEY = "_cognito_sign_ins"
_MOST = 10  # tabs that sign in at once; the oldest is dropped
_KEPT = ("redirect_uri", "next_url", "alias", "client_id", "asked", "links_to", "begun_at")
LIFETIME_SECONDS = 900  # Cognito gives up after 5 minutes of password and 8 of reset


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """A sign-in that this browser began: its secrets, where it comes back, and where it goes next.

    `alias` is the one of POOLS that it was begun at, as `client_id`, and `begun_at` the moment, in seconds since 1970;
    `asked` are the parameters that Cognito was given beyond ours; `links_to` is the user, by primary key, whose further
    account in Cognito it finds out; `is_over` says that it took too long.
    """

    secrets: SignInSecrets
    redirect_uri: str
    next_url: str
    alias: str = "default"
    client_id: str = ""
    asked: Mapping[str, str] = field(default_factory=dict)
    links_to: str = ""
    begun_at: float = field(default_factory=unix_time)
    is_over: bool = False


def begin(
    request: HttpRequest,
    *,
    redirect_uri: str,
    next_url: str,
    alias: str = "default",
    client_id: str = "",
    asked: Mapping[str, str] | None = None,
    links_to: str = "",
) -> PendingSignIn:
    """A new sign-in of this browser. Writes the session."""
    pending = PendingSignIn(SignInSecrets.new(), redirect_uri, next_url, alias, client_id, asked or {}, links_to)
    entries = {**request.session.get(_SESSION_KEY, {}), pending.secrets.state: _entry(pending)}
    request.session[_SESSION_KEY] = dict(sorted(entries.items(), key=lambda item: item[1]["begun_at"])[-_MOST:])
    return pending


def finish(request: HttpRequest, state: str) -> PendingSignIn:
    """The sign-in of this browser that `state` names; it is good for one time. Writes the session, and saves it.

    Raises SignInError (code "state_unknown": another browser's, used before, forged).
    """
    entries = request.session.get(_SESSION_KEY, {})
    entry = entries.pop(state, None)
    if entry is None:
        raise SignInError("no sign-in of this browser has this state", code="state_unknown")
    request.session[_SESSION_KEY] = entries
    _save_at_once(request)
    is_over = time.time() - entry["begun_at"] > LIFETIME_SECONDS
    secrets = SignInSecrets(state=state, nonce=entry["nonce"], code_verifier=entry["code_verifier"])
    return PendingSignIn(secrets, **{name: entry[name] for name in _KEPT}, is_over=is_over)


@contextmanager
def kept(request: HttpRequest) -> Iterator[None]:
    """Let the sign-ins under way in other tabs outlive what is done to the session meanwhile.

    They are this browser's, whoever is signed in by it.
    """
    entries = request.session.get(_SESSION_KEY)
    yield
    if entries:
        request.session[_SESSION_KEY] = entries


def _save_at_once(request: HttpRequest) -> None:
    """Let the state be used up whatever becomes of the sign-in: with an answer from 500 on Django saves no session."""
    try:
        request.session.save()
    except UpdateError as error:
        request.session.modified = False  # there is nothing left to save
        raise SignInError("the session ended while this sign-in came back", code="state_unknown") from error


def _entry(pending: PendingSignIn) -> dict[str, Any]:
    return {
        "nonce": pending.secrets.nonce,
        "code_verifier": pending.secrets.code_verifier,
        **{name: getattr(pending, name) for name in _KEPT},
    }
