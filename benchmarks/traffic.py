"""Clients that send requests to a server on a schedule. Must not depend on a figure."""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import cycle

_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Sample:
    """A response: its times by `time.perf_counter()`, and its status."""

    started_at: float
    ended_at: float
    status: int

    @property
    def milliseconds(self) -> float:
        """The time that the user waited."""
        return (self.ended_at - self.started_at) * 1_000


@dataclass(frozen=True)
class Request:
    """A GET request: the path and the headers."""

    path: str
    headers: Mapping[str, str]

    def send(self, port: int) -> int:
        """Send the request to 127.0.0.1 on a new connection, so that any worker may accept it; return the status."""
        connection = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("GET", self.path, headers={**self.headers, "Connection": "close"})
            with connection.getresponse() as response:
                response.read()
                return response.status
        finally:
            connection.close()


@dataclass(frozen=True)
class Schedule:
    """When a client sends its requests: each `interval` seconds from `start` to `end`, by `time.perf_counter()`.

    While a response is late, further requests become due. With `is_complete` they are sent afterwards, and their time
    counts from the moment when they were due, as if each was another user's. Otherwise they are left out, as by one
    user who waits.
    """

    start: float
    end: float
    interval: float
    is_complete: bool


def send_requests(port: int, requests: Sequence[Request], schedule: Schedule) -> list[Sample]:
    """Send the requests in turn, by the schedule, and return all responses."""
    samples = []
    for request, started_at in zip(cycle(requests), _wait_until_due(schedule)):
        status = request.send(port)
        samples.append(Sample(started_at, time.perf_counter(), status))
    return samples


def _wait_until_due(schedule: Schedule) -> Iterator[float]:
    """Yield when each request starts, at that time or later."""
    due_at = schedule.start
    while due_at < schedule.end:
        if (seconds_left := due_at - time.perf_counter()) > 0:
            time.sleep(seconds_left)
            yield time.perf_counter()
        elif schedule.is_complete:
            yield due_at
        else:
            due_at = time.perf_counter()
            yield due_at
        due_at += schedule.interval


def compute_p99(samples: Sequence[Sample]) -> float:
    """Return the 99th percentile of the times in milliseconds."""
    return statistics.quantiles([sample.milliseconds for sample in samples], n=100, method="inclusive")[98]
