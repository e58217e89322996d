"""The types of `request.cognito.datasets`, which the app `django_cognito.datasets` implements. No code."""

from typing import Any, Protocol


class Dataset(Protocol):
    """One dataset of a user; see `django_cognito.datasets.access.UserDataset`."""

    name: str

    def __getitem__(self, key: str) -> Any:
        """Return the value of a record. Raises KeyError."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a record, or `default`."""

    def read_all(self) -> dict[str, Any]:
        """Return the values of all records."""

    def set(self, key: str, value: Any) -> None:
        """Write a record; None deletes it."""


class Datasets(Protocol):
    """The datasets of a request's user; see `django_cognito.datasets.access.RequestDatasets`."""

    def __getitem__(self, name: str) -> Dataset:
        """Return a dataset."""

    async def aget(self, name: str, key: str, default: Any = None) -> Any:
        """Return the value of a record, or `default`."""

    async def aset(self, name: str, key: str, value: Any) -> None:
        """Write a record; None deletes it."""
