"""A client of the views of datasets, and records for its writes."""

import itertools
from typing import Any

from django.test import Client

from django_cognito.testing import make_token
from tests.support.callers import bearer

URL = "/datasets/"
_numbers = itertools.count()


def record(key: str = "theme", value: Any = "dark", sync_count: int = 0, **members: Any) -> dict[str, Any]:
    return {"key": key, "value": value, "sync_count": sync_count, **members}


class Api:
    """The datasets of the user of a bearer token; of a session with `headers={}` and a client that is signed in."""

    def __init__(self, username: str = "alice", *, headers: Any = None, client: Any = None) -> None:
        self.headers = bearer(make_token(username=username)) if headers is None else headers
        self.client = client or Client(enforce_csrf_checks=True)

    def get(self, name: str = "settings", headers: Any = (), **query: Any) -> Any:
        return self.client.get(f"{URL}{name}/", query, headers={**self.headers, **dict(headers)})

    def list(self) -> Any:
        return self.client.get(URL, headers=self.headers)

    def post(self, *records: Any, name: str = "settings", operation_id: str = "", **members: Any) -> Any:
        operation_id = operation_id or f"op-{next(_numbers)}"
        body = {"operation_id": operation_id, "records": list(records), **members}
        return self.post_body(body, name=name)

    def post_body(self, body: Any, *, name: str = "settings", content_type: str = "application/json") -> Any:
        return self.client.post(f"{URL}{name}/", body, content_type=content_type, headers=self.headers)

    def delete(self, name: str = "settings") -> Any:
        return self.client.delete(f"{URL}{name}/", headers=self.headers)

    def write(self, *records: Any, **options: Any) -> dict[str, Any]:
        """Post records, and return the answer, which must be 200."""
        response = self.post(*records, **options)
        assert response.status_code == 200, response.content
        answer: dict[str, Any] = response.json()
        return answer

    def read(self, name: str = "settings", **query: Any) -> dict[str, Any]:
        """Return a page, which must be 200."""
        response = self.get(name, **query)
        assert response.status_code == 200, response.content
        page: dict[str, Any] = response.json()
        return page


def error_of(response: Any) -> tuple[int, str]:
    """Return the status and the code of an error response."""
    return response.status_code, response.json()["code"]
