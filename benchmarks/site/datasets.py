"""A contestant: a poll of a dataset without news, a page of it, or a DRF view of the same site.

The option is "poll", "page" or "view". Called through Django's WSGI handler, without sockets.
"""

from collections.abc import Callable
from typing import Any

from ..tokens import Scenario
from .queries import count_queries
from .start import start

Environ = dict[str, Any]
NEEDS_CHECK = False  # `prepare` checks the status of each response
_RECORDS = 20
_call: Callable[[Environ], Any]
_option: str


def prepare(scenario: Scenario, option: str) -> Callable[[Environ], None]:
    """Return a function that makes a request: from the environ to the closed response."""
    global _call, _option
    _option = option
    start(scenario, "django-cognito-datasets")
    from django.core.wsgi import get_wsgi_application
    from django.db import connection

    application: Any = get_wsgi_application()
    connection.ensure_connection()
    status = 304 if option == "poll" else 200
    _call = lambda environ: application(dict(environ), _ignore)  # noqa: E731

    def request(environ: Environ) -> None:
        response = _call(environ)
        response.close()
        if response.status_code != status:
            raise AssertionError(f"{option}: expected {status}, found {response.status_code}")

    request(make_input(scenario.first))
    return request


def make_input(raw: str) -> Environ:
    """Return the environ of a request with `raw` as bearer token, whose user has a dataset."""
    from django.test import RequestFactory

    headers = {"authorization": f"Bearer {raw}"}
    if _option == "view":
        return RequestFactory().get("/hello/", headers=headers).environ
    _create_records(raw)
    response = _call(RequestFactory().get("/datasets/settings/", headers=headers).environ)
    if _option == "page":
        return RequestFactory().get("/datasets/settings/", headers=headers).environ
    count = response["ETag"].strip('"').rpartition("-")[2]
    headers["if-none-match"] = response["ETag"]
    return RequestFactory().get("/datasets/settings/", {"since": count}, headers=headers).environ


def get_facts(call: Callable[[Environ], None], scenario: Scenario) -> dict[str, tuple[int, int]]:
    """Return queries and writes of a request with a cached token."""
    environ = make_input(scenario.tokens[0])
    call(environ)
    return {"cached": count_queries(call, environ)}


def _create_records(raw: str) -> None:
    from django_cognito.datasets.access import UserDataset
    from django_cognito.users import authenticate

    dataset = UserDataset(authenticate(raw)[0], "settings")
    if not dataset.read_all():
        for number in range(_RECORDS):
            dataset.set(f"key{number}", {"text": "x" * 100})


def _ignore(*_: object) -> None:
    """Ignore the status and headers of a WSGI response."""
