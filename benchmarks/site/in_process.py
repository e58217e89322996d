"""A contestant: a site of the table, called through Django's own WSGI handler, without sockets."""

from collections.abc import Callable
from typing import Any

from ..tokens import PEOPLE, Scene
from .queries import count_queries
from .sites import DRF_TOKEN, opaque
from .start import start

Environ = dict[str, Any]
proves = False  # an open site refuses nobody


class RefusedError(Exception):
    """The site did not answer 200."""


def prepare(scene: Scene, name: str) -> Callable[[Environ], None]:
    """A whole request: from the environ to the closed response."""
    start(scene, name)
    from django.core.wsgi import get_wsgi_application
    from django.db import connection

    application: Any = get_wsgi_application()
    connection.ensure_connection()  # as a worker's that has served anybody: Django looks after it at each request

    def request(environ: Environ) -> None:
        response = application(dict(environ), _ignore)
        status = response.status_code
        response.close()
        if status != 200:
            raise RefusedError(status)

    _prove(request, scene, name)
    return request


def ready(raw: str) -> Environ:
    """The environ of a request with `raw` as its bearer token."""
    from django.test import RequestFactory

    authorization = f"Token {opaque(raw)}" if _takes_drf_tokens() else f"Bearer {raw}"
    return RequestFactory().get("/hello/", headers={"authorization": authorization}).environ


def facts(call: Callable[[Environ], None], scene: Scene) -> dict[str, tuple[int, int]]:
    """Queries and writes of a steady request: with a new token of a known person, and with a cached token."""
    tokens = scene.tokens
    for raw in tokens[:PEOPLE]:
        call(ready(raw))
    known = {"known": count_queries(call, ready(tokens[0]))}
    return known if _takes_drf_tokens() else {**known, "new": count_queries(call, ready(tokens[PEOPLE]))}


def _takes_drf_tokens() -> bool:
    """Whether the site knows but one token a person, an opaque one."""
    from django.conf import settings

    return DRF_TOKEN in settings.REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"]


def _prove(request: Callable[[Environ], None], scene: Scene, name: str) -> None:
    request(ready(scene.first))
    if name == "open":
        return
    try:
        request(ready(scene.refused["tampered"]))
    except RefusedError:
        return
    raise AssertionError(f"{name} accepted a tampered token")


def _ignore(*_: object) -> None:
    """The start of a WSGI response, which nobody reads."""
