"""A user pool of generated users over HTTP, with the answers of a directory that is large, slow or failing."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from django_cognito.core.tokens.token import read_unverified

POOL_ID = "eu-west-1_TestPool1"
_CREATED_AT = 1_700_000_000
_PAGE_SIZE = 60


class FaultError(Exception):
    """An error response of AWS."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


def make_user(number: int, **changes: Any) -> dict[str, Any]:
    """Return the user with this number as ListUsers does; `changes` are attributes, or `enabled`."""
    enabled = changes.pop("enabled", True)
    attributes = {
        "sub": f"{number:08x}-0000-4000-8000-000000000000",
        "email": f"user{number}@example.com",
        "email_verified": "true",
        "given_name": f"Name{number}",
        "family_name": "Byron",
        **changes,
    }
    return {
        "Username": f"user{number}",
        "Attributes": [{"Name": name, "Value": value} for name, value in attributes.items()],
        "UserCreateDate": _CREATED_AT,
        "UserLastModifiedDate": _CREATED_AT,
        "Enabled": enabled,
        "UserStatus": "CONFIRMED",
    }


class StubDirectory:
    """Serves `size` users, without those in `deleted`. A context.

    `groups` are the numbers of the members by group, `changes` the attributes of single users. `before` is called with
    each operation and its parameters before the response; it may raise a FaultError, change the users or wait.
    `requests` counts the requests by operation. With `empty_pages` there is an empty page before each page of users.
    """

    def __init__(self, size: int, groups: Mapping[str, Iterable[int]] | None = None) -> None:
        self.size = size
        self.groups = {name: list(members) for name, members in (groups or {}).items()}
        self.changes: dict[int, dict[str, Any]] = {}
        self.deleted: set[int] = set()
        self.before: Callable[[str, Mapping[str, Any]], object] = lambda operation, parameters: None
        self.requests: Counter[str] = Counter()
        self.times: list[float] = []  # time.monotonic() of each request
        self.empty_pages = False
        self.estimate: int | None = None
        self._server = _Server(("127.0.0.1", 0), _create_handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the response to a request."""
        self.requests[operation] += 1
        self.times.append(time.monotonic())
        self.before(operation, parameters)
        answers: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
            "ListUsers": lambda request: self._page(range(self.size), "PaginationToken", request),
            "ListUsersInGroup": lambda request: self._page(self.groups[request["GroupName"]], "NextToken", request),
            "ListGroups": lambda request: {"Groups": [{"GroupName": name} for name in self.groups]},
            "AdminGetUser": self._get_user,
            "GetUser": lambda request: self._get_user(
                {"Username": read_unverified(request["AccessToken"])["username"]}
            ),
            "AdminListGroupsForUser": self._list_groups_for_user,
            "DescribeUserPool": lambda request: {"UserPool": {"EstimatedNumberOfUsers": self.estimate or self.size}},
        }
        return answers[operation](parameters)

    def _page(self, numbers: Any, token_name: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        start, _, is_empty = parameters.get(token_name, "0 ").partition(" ")
        position = int(start)
        if self.empty_pages and not is_empty:
            return {"Users": [], token_name: f"{position} empty"}
        rows = [number for number in numbers[position : position + _PAGE_SIZE] if number not in self.deleted]
        after = position + _PAGE_SIZE
        token = {token_name: f"{after} "} if after < len(numbers) else {}
        return {"Users": [self._user(number) for number in rows], **token}

    def _user(self, number: int) -> dict[str, Any]:
        return make_user(number, **self.changes.get(number, {}))

    def _get_number(self, parameters: Mapping[str, Any]) -> int:
        number = int(parameters["Username"].removeprefix("user"))
        if number >= self.size or number in self.deleted:
            raise FaultError("UserNotFoundException", "User does not exist.")
        return number

    def _get_user(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        user = self._user(self._get_number(parameters))
        return {**user, "UserAttributes": user.pop("Attributes")}

    def _list_groups_for_user(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        number = self._get_number(parameters)
        return {"Groups": [{"GroupName": name} for name, members in self.groups.items() if number in members]}


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # with 5, the default, a busy computer lets connections wait for a second


def _create_handler(directory: StubDirectory) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            parameters = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                status, body = 200, directory.answer(self.headers["X-Amz-Target"].partition(".")[2], parameters)
            except FaultError as fault:
                status, body = fault.status, {"__type": fault.code, "message": fault.message}
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None:
            """Log nothing."""

    return Handler
