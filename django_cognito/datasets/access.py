"""The datasets of a user for Python code: `request.cognito.datasets`, and `UserDataset` without a request."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.db.models import Model

from ..conf.loading import get_settings
from ..core.tracebacks import clear_frame_locals
from . import reading, writing
from .changes import create_request, require_name

_T = TypeVar("_T")


class UserDataset:
    """One dataset of a user. Each call reads the database; none reads it before.

    Raises DatasetError for a name that is not 1 to 128 of `A-Za-z0-9_.:-`.
    """

    def __init__(self, user: Any, name: str) -> None:
        self._user = user
        self.name = require_name(name)

    def __repr__(self) -> str:
        return f"<UserDataset {self.name}>"

    def __getitem__(self, key: str) -> Any:
        """Return the value of a record. Raises KeyError without one. One query."""
        return reading.read_value(self._user, self.name, key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a record, or `default` without one. One query."""
        try:
            return self[key]
        except KeyError:
            return default

    def read_all(self) -> dict[str, Any]:
        """Return the values of all records, in the order of their keys. One query."""
        records = reading.read_records(self._user, self.name)
        return {record.key: json.loads(record.value or "null") for record in records}

    @clear_frame_locals
    def set(self, key: str, value: Any) -> None:
        """Write a record, whatever its current value is; None deletes it.

        With the lock, the counts and the limits of a client's write, without its limit per minute. Raises DatasetError
        if a limit is exceeded, TypeError or ValueError if `value` is no JSON.
        """
        writing.write_records(self._user, self.name, create_request({key: value}, get_settings()))


class RequestDatasets:
    """The datasets of the user of a request, by name: `request.cognito.datasets["settings"]["theme"]`.

    Raises PermissionDenied for an anonymous request and for a machine-to-machine client.
    """

    def __init__(self, request: Any) -> None:
        self._request = request

    def __repr__(self) -> str:
        return "<RequestDatasets>"

    def __getitem__(self, name: str) -> UserDataset:
        """Return a dataset, whether or not it has records. No query after the user is loaded."""
        if not is_owner(self._request):
            raise PermissionDenied("datasets require a signed-in user")
        return UserDataset(self._request.user, name)

    async def aget(self, name: str, key: str, default: Any = None) -> Any:
        """Async version of `datasets[name].get(key, default)`."""
        return await self._acall(name, lambda dataset: dataset.get(key, default))

    @clear_frame_locals
    async def aset(self, name: str, key: str, value: Any) -> None:
        """Async version of `datasets[name].set(key, value)`."""
        await self._acall(name, lambda dataset: dataset.set(key, value))

    async def _acall(self, name: str, function: Callable[[UserDataset], _T]) -> _T:
        await self._request.auser()
        return await sync_to_async(partial(function, self[name]))()


def is_owner(request: Any) -> bool:
    """Return whether the request's user can have datasets: a user with an account, and no client of SERVICE_USERS."""
    cognito = getattr(request, "cognito", None)
    # A service user is a Django user. `is_machine` alone would raise in an outage past expiry.
    is_machine = cognito is not None and cognito.is_bearer and cognito.is_machine
    return isinstance(request.user, Model) and not is_machine
