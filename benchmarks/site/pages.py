"""A contestant: a page with a session login, called through Django's handlers, without sockets.

The option is the site, the path of the page, and "refresh" if each request refreshes its tokens, separated by spaces.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from ..tokens import USERS, Scenario
from .queries import count_queries
from .sessions import create_session
from .start import start

Environ = dict[str, Any]
NEEDS_CHECK = False  # `prepare` checks the site
_create_session_key: Callable[[], str]
_path: str


def prepare(scenario: Scenario, option: str) -> Callable[[Environ], None]:
    """Return a function that requests the page, and fails if the response is not 200."""
    global _create_session_key, _path
    site, _path, *words = option.split()
    start(scenario, site)
    numbers = iter(range(USERS, len(scenario.sign_ins) - 1, 2))  # of the first user; a refresh has the next number
    is_due = "refresh" in words
    _create_session_key = lambda: create_session(scenario, next(numbers), is_due=is_due)  # noqa: E731
    return _create_async_call() if "async" in _path else _create_sync_call()


def make_input(_: str) -> Environ:
    """Return the environ of a request with a new session login."""
    from django.test import RequestFactory

    return RequestFactory().get(_path, headers={"cookie": f"sessionid={_create_session_key()}"}).environ


def get_facts(call: Callable[[Environ], None], scenario: Scenario) -> dict[str, tuple[int, int]]:
    """Return queries and writes of a request."""
    call(make_input(""))
    counted: Any = getattr(call, "in_this_thread", call)
    return {"new": count_queries(counted, make_input(""))}


def _create_sync_call() -> Callable[[Environ], None]:
    from django.core.wsgi import get_wsgi_application

    application: Any = get_wsgi_application()

    def request(environ: Environ) -> None:
        response = application(dict(environ), lambda *_: None)
        response.close()
        assert response.status_code == 200, response.status_code

    return request


def _create_async_call() -> Callable[[Environ], None]:
    """Return a function that calls Django's async handler in one event loop; the ORM has one thread."""
    from asgiref.sync import async_to_sync
    from django.core.handlers.base import BaseHandler
    from django.core.handlers.wsgi import WSGIRequest

    handler, loop = BaseHandler(), asyncio.new_event_loop()
    handler.load_middleware(is_async=True)

    async def respond(environ: Environ) -> None:
        response: Any = await handler.get_response_async(WSGIRequest(dict(environ)))
        assert response.status_code == 200, response.status_code

    def request(environ: Environ) -> None:
        loop.run_until_complete(respond(environ))

    request.in_this_thread = async_to_sync(respond)  # type: ignore[attr-defined]  # for the count of queries
    return request
