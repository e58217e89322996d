"""A small server of the protocol of datasets, in memory, with faults that a real server has only by chance.

    with DatasetServer() as server:
        server.faults.append(lose_answer)
        ... server.url ... server.requests

The user is the value of the cookie `user`. `/` is a page with `window.openDataset` of the client and a strict
Content-Security-Policy. The server binds to a free port on 127.0.0.1.
"""

import json
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import django_cognito

CLIENT = Path(django_cognito.__file__).parent / "datasets" / "static" / "django_cognito" / "datasets.js"
PAGE_RECORDS = 500
PAGE = b"""<!doctype html><html lang="en"><head><title>Datasets</title><link rel="icon" href="data:,">
<script type="module" src="/page.js"></script></head><body></body></html>"""
PAGE_SCRIPT = b"""
import { openDataset } from "/datasets.js";
const RULES = {
  both: (mine, theirs) => [theirs, mine].sort().join(" | "),
  union: (mine, theirs) => [...new Set([...(theirs ?? []), ...(mine ?? [])])].sort(),
  broken: () => { throw new Error("a rule with a fault") },
};
window.events = [];
window.openDataset = async (name, options) => {
  window.dataset = await openDataset(name, { ...options, merge: RULES[options.merge] ?? options.merge });
  for (const type of ["change", "conflict", "failed", "status"]) {
    window.dataset.addEventListener(type, ({ detail }) => window.events.push([type, detail]));
  }
};
window.isLoaded = true;
"""
POLICY = "default-src 'self'; img-src data:"


class Response(NamedTuple):
    """A response with a JSON body, or without one."""

    status: int
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()

    def encode(self) -> bytes:
        """Return the body."""
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass
class Request:
    """A request for a dataset, and the status of its response. `records` is the number of records in it."""

    method: str
    name: str
    query: dict[str, str]
    headers: dict[str, str]
    user: str
    body: bytes
    at: float = field(default_factory=time.monotonic)
    status: int = 0

    @property
    def json(self) -> Any:
        """The body as a value."""
        return json.loads(self.body)


# A fault handles one request instead of the server: it returns a response, or None to close the connection.
Fault = Callable[["DatasetServer", Request], Response | None]


def lose_answer(server: "DatasetServer", request: Request) -> None:
    """Handle the request, and close the connection without an answer."""
    server.handle(request)


def answer_when(event: threading.Event) -> Fault:
    """Return a fault that handles the request, and answers when the event is set or the server stops."""

    def fault(server: "DatasetServer", request: Request) -> Response:
        response = server.handle(request)
        while not (event.is_set() or server.stopping.is_set()):
            event.wait(0.02)
        return response

    return fault


def answer_with(status: int, code: str = "", **headers: str) -> Fault:
    """Return a fault that answers with an error."""
    items = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return lambda server, request: Response(status, {"code": code, "detail": ""}, items)


def close_connection(server: "DatasetServer", request: Request) -> None:
    """Do nothing with the request, and close the connection."""


@dataclass
class StoredDataset:
    """A dataset of one user."""

    id: str = field(default_factory=lambda: uuid4().hex)
    count: int = 0
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    operations: dict[str, tuple[bytes, Response]] = field(default_factory=dict)

    def write(self, changes: dict[str, Any], **times: str) -> None:
        """Write values as another device; None deletes."""
        self.count += 1
        for key, value in changes.items():
            deleted = {"deleted": True} if value is None else {}
            modified = {"modified_at": "2026-11-30T12:00:00Z", "device_time": None, **times}
            self.records[key] = {"key": key, "value": value, "sync_count": self.count, **modified, **deleted}

    def values(self) -> dict[str, Any]:
        """Return the values that exist."""
        return {key: record["value"] for key, record in self.records.items() if record["value"] is not None}


class DatasetServer:
    """The server, a context manager."""

    def __init__(self) -> None:
        self.datasets: dict[tuple[str, str], StoredDataset] = {}
        self.requests: list[Request] = []
        self.faults: list[Fault] = []  # each handles one request
        self.limits: Callable[[dict[str, Any]], str] = lambda record: ""  # returns a code of 413, if any
        self.oldest_count = 0  # of the deletions that are still stored
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def dataset(self, user: str, name: str = "drafts") -> StoredDataset:
        """Return the dataset of a user. Create it if necessary."""
        return self.datasets.setdefault((user, name), StoredDataset())

    def received(self, method: str) -> list[Request]:
        """Return the requests with this method."""
        return [request for request in self.requests if request.method == method]

    def respond(self, request: Request) -> Response | None:
        """Record the request; let the next fault or the protocol handle it."""
        with self._lock:
            self.requests.append(request)
            fault = self.faults.pop(0) if self.faults else None
        response = fault(self, request) if fault else self.handle(request)
        request.status = response.status if response else 0
        return response

    def handle(self, request: Request) -> Response:
        """Handle a request by the protocol."""
        with self._lock:
            if not request.user:
                return Response(401, {"code": "not_authenticated", "detail": ""})
            if request.headers.get("x-dataset-user", request.user) != request.user:
                return Response(403, {"code": "other_user", "detail": ""})
            return self._read(request) if request.method == "GET" else self._write(request)

    def _read(self, request: Request) -> Response:
        since = int(request.query.get("since", 0))
        stored = self.datasets.get((request.user, request.name))
        if stored is None or since > stored.count:
            if since:
                return Response(410, {"code": "resync_required", "detail": ""})
            body: dict[str, Any] = {"name": request.name, "id": None, "sync_count": 0, "records": [], "more": False}
            return Response(200, {**body, "next_since": 0, "start": 0})
        etag = f'"{stored.id}-{stored.count}"'
        if request.headers.get("if-none-match") == etag:
            return Response(304, None, (("ETag", etag),))
        start = int(request.query.get("start", since or stored.count))
        if since and start < self.oldest_count:
            return Response(410, {"code": "resync_required", "detail": ""})
        newer = [record for record in stored.records.values() if record["sync_count"] > since]
        newer = [record for record in newer if since or record["value"] is not None]
        newer.sort(key=lambda record: (record["sync_count"], record["key"]))
        last = newer[PAGE_RECORDS - 1]["sync_count"] if len(newer) > PAGE_RECORDS else stored.count
        page = [record for record in newer if record["sync_count"] <= last]
        body = {"name": request.name, "id": stored.id, "sync_count": stored.count, "records": page}
        body |= {"more": len(page) < len(newer), "next_since": last, "start": start}
        return Response(200, body, (("ETag", etag),))

    def _write(self, request: Request) -> Response:
        stored, operation = self.dataset(request.user, request.name), request.json
        if earlier := stored.operations.get(operation["operation_id"]):
            is_same = earlier[0] == request.body
            return earlier[1] if is_same else Response(409, {"code": "operation_id_reused", "detail": ""})
        if code := next(filter(None, map(self.limits, operation["records"])), ""):
            return Response(413, {"code": code, "detail": ""})
        answer = self._write_records(request.name, stored, operation["records"])
        stored.operations[operation["operation_id"]] = (request.body, answer)
        return answer

    def _write_records(self, name: str, stored: StoredDataset, records: list[dict[str, Any]]) -> Response:
        missing = {"value": None, "sync_count": 0, "deleted": True}
        current = {record["key"]: stored.records.get(record["key"], missing) for record in records}
        accepted = [record for record in records if record["sync_count"] == current[record["key"]]["sync_count"]]
        conflicts = [{"key": record["key"], **current[record["key"]]} for record in records if record not in accepted]
        if any(record["value"] is not None or record["sync_count"] for record in accepted):
            stored.count += 1
        for record in accepted:
            deleted = {"deleted": True} if record["value"] is None else {}
            modified = {"sync_count": stored.count, "modified_at": "2026-11-30T12:00:00Z"}
            stored.records[record["key"]] = {**record, **modified, **deleted}
        written = [{"key": record["key"], "sync_count": stored.count} for record in accepted]
        body = {"name": name, "id": stored.id, "sync_count": stored.count}
        return Response(200, {**body, "written": written, "conflicts": conflicts})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # with 5, the default, a busy computer lets connections wait for a second


def _handler(owner: DatasetServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            files = {"/": (PAGE, "text/html"), "/page.js": (PAGE_SCRIPT, "text/javascript")}
            files["/datasets.js"] = (CLIENT.read_bytes(), "text/javascript")
            path = urlsplit(self.path).path
            if path in files:
                content, content_type = files[path]
                self._send(200, content, (("Content-Type", content_type), ("Content-Security-Policy", POLICY)))
            else:
                self._respond()

        def do_POST(self) -> None:
            self._respond()

        def _respond(self) -> None:
            parts = urlsplit(self.path)
            name = re.fullmatch(r"/datasets/([^/]+)/", parts.path)
            cookies: SimpleCookie = SimpleCookie(self.headers.get("Cookie"))
            response = owner.respond(
                Request(
                    self.command,
                    unquote(name[1]) if name else "",
                    {key: values[0] for key, values in parse_qs(parts.query).items()},
                    {key.lower(): value for key, value in self.headers.items()},
                    cookies["user"].value if "user" in cookies else "",
                    self.rfile.read(int(self.headers.get("Content-Length", 0))),
                )
            )
            if response is not None:
                with suppress(ConnectionError):  # the client was closed, or has given up
                    self._send(response.status, response.encode(), response.headers)

        def _send(self, status: int, content: bytes, headers: tuple[tuple[str, str], ...]) -> None:
            self.send_response(status)
            for name, value in (*headers, ("Content-Length", str(len(content)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    return Handler
