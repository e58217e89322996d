"""Failures of user pool operations that a test switches on: throttling, latency, and unusual pages of lists.

Thread-safe. Does not depend on HTTP.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from moto.core.utils import get_service_model

from .errors import ServiceError

# The name of the faults of all operations that have none of their own.
ALL_OPERATIONS = "*"
_LONGEST_SECONDS = 60
_OPERATIONS = frozenset({ALL_OPERATIONS, *get_service_model("cognito-idp").operation_names})


@dataclass
class OperationFaults:
    """The faults of an operation. An integer is the number of the next requests that have the fault.

    `throttled` requests are rejected with TooManyRequestsException, and so are those above `requests_per_second`;
    0: no limit. Each request takes `latency_seconds` longer. `expired_tokens` rejects the pagination token;
    `empty_pages` returns no items and a token of the same page; `repeated_pages` returns the previous page once more.
    """

    throttled: int = 0
    requests_per_second: float = 0
    latency_seconds: float = 0
    expired_tokens: int = 0
    empty_pages: int = 0
    repeated_pages: int = 0


class Faults:
    """The faults of all operations of one local Cognito. None at the start."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_operation: dict[str, OperationFaults] = {}
        self._next_moments: dict[str, float] = {}  # of time.monotonic(), for `requests_per_second`

    def set(self, operation: str, values: Mapping[str, Any]) -> None:
        """Replace the faults of an operation, or of `*`: all that have none of their own. No values: no faults.

        Raises ServiceError for an unknown operation or fault, or a value that is not allowed.
        """
        problem = "" if operation in _OPERATIONS else f"There is no operation {operation} of user pools"
        names = {item.name: item.type for item in fields(OperationFaults)}
        for name, value in values.items():
            is_integer = isinstance(value, int) and not isinstance(value, bool)
            if name not in names:
                problem = f"Unknown fault {name!r}; expected: {', '.join(names)}"
            elif not (is_integer or (names[name] is float and isinstance(value, float))) or not value >= 0:
                problem = f"{name} must be {'a number' if names[name] is float else 'an integer'}, 0 or more"
        if not problem and values.get("latency_seconds", 0) > _LONGEST_SECONDS:
            problem = f"latency_seconds must be at most {_LONGEST_SECONDS}"
        if problem:
            raise ServiceError("InvalidParameterException", problem)
        with self._lock:
            self._next_moments.pop(operation, None)
            self._by_operation.pop(operation, None)
            if values:
                self._by_operation[operation] = OperationFaults(**values)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._by_operation.clear()
            self._next_moments.clear()

    def begin_request(self, operation: str) -> None:
        """Wait for the latency of an operation. Raises ServiceError if its request is throttled."""
        if not self._by_operation:
            return
        with self._lock:
            name, faults = self._of(operation)
            is_throttled = self._take(faults, "throttled") or self._is_above_rate(name, faults)
        time.sleep(faults.latency_seconds)
        if is_throttled:
            raise ServiceError("TooManyRequestsException", "Rate exceeded")

    def take(self, operation: str, fault: str) -> bool:
        """Return whether this request has a fault that is counted, and count it."""
        if not self._by_operation:
            return False
        with self._lock:
            return self._take(self._of(operation)[1], fault)

    def _of(self, operation: str) -> tuple[str, OperationFaults]:
        name = operation if operation in self._by_operation else ALL_OPERATIONS
        return name, self._by_operation.get(name, OperationFaults())

    def _take(self, faults: OperationFaults, fault: str) -> bool:
        count = getattr(faults, fault)
        setattr(faults, fault, max(count - 1, 0))
        return bool(count)

    def _is_above_rate(self, name: str, faults: OperationFaults) -> bool:
        """Return whether the request comes too soon.

        A second without requests allows the requests of one second, or one request if that is less.
        """
        if not faults.requests_per_second:
            return False
        now, interval = time.monotonic(), 1 / faults.requests_per_second
        moment = max(self._next_moments.get(name, 0), now - max(1 - interval, 0))
        if moment > now:
            return True
        self._next_moments[name] = moment + interval
        return False
