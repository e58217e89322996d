"""A contestant: a site of the table, called through Django's WSGI handler, without sockets."""

from collections.abc import Callable
from typing import Any

from ..tokens import USERS, Scenario
from .queries import count_queries
from .sites import ANONYMOUS, DRF_TOKEN, get_opaque_token
from .start import start

Environ = dict[str, Any]
NEEDS_CHECK = False  # `prepare` checks the site; the anonymous one accepts all requests


class RejectedError(Exception):
    """The status of the response is not 200."""


def prepare(scenario: Scenario, name: str) -> Callable[[Environ], None]:
    """Return a function that makes a request: from the environ to the closed response."""
    start(scenario, name)
    from django.core.wsgi import get_wsgi_application
    from django.db import connection

    application: Any = get_wsgi_application()
    connection.ensure_connection()  # as in a worker after its first request

    def request(environ: Environ) -> None:
        response = application(dict(environ), _ignore)
        status = response.status_code
        response.close()
        if status != 200:
            raise RejectedError(status)

    _check_site(request, scenario, name)
    return request


def make_input(raw: str) -> Environ:
    """Return the environ of a request with `raw` as bearer token."""
    from django.test import RequestFactory

    authorization = f"Token {get_opaque_token(raw)}" if _uses_drf_tokens() else f"Bearer {raw}"
    return RequestFactory().get("/hello/", headers={"authorization": authorization}).environ


def get_facts(call: Callable[[Environ], None], scenario: Scenario) -> dict[str, tuple[int, int]]:
    """Return queries and writes of a request with a cached token, and with a new token of an existing user."""
    tokens = scenario.tokens
    for raw in (*tokens[:USERS], tokens[0]):  # the other users may have taken the place of the first one in a cache
        call(make_input(raw))
    cached = {"cached": count_queries(call, make_input(tokens[0]))}
    return cached if _uses_drf_tokens() else {**cached, "new": count_queries(call, make_input(tokens[USERS]))}


def _uses_drf_tokens() -> bool:
    """Return whether the site uses DRF's opaque tokens, one for each user."""
    from django.conf import settings

    return DRF_TOKEN in settings.REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"]


def _check_site(request: Callable[[Environ], None], scenario: Scenario, name: str) -> None:
    request(make_input(scenario.first))
    if name == ANONYMOUS:
        return
    try:
        request(make_input(scenario.rejected_tokens["tampered"]))
    except RejectedError:
        return
    raise AssertionError(f"{name} accepted a tampered token")


def _ignore(*_: object) -> None:
    """Ignore the status and headers of a WSGI response."""
