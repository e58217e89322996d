"""Load the data of botocore once in a test run. Each boto3 session has a loader and would load it again."""

import re
from typing import Any
from unittest.mock import patch

from botocore.loaders import Loader

# Data that no loader changes. The models of other services may be extended in place, so each session needs its own.
_UNCHANGED = re.compile(r"\w+|sdk-default-configuration|.+/endpoint-rule-set-1|cognito-(?:identity|idp)/.+")
_EXTENSIONS = ["sdk"]  # moto's loader has others

_load_data_with_path = Loader.load_data_with_path
_list_available_services = Loader.list_available_services
_data: dict[tuple[tuple[str, ...], str], tuple[Any, str]] = {}
_services: dict[tuple[tuple[str, ...], str], list[str]] = {}


def load_data_once() -> None:
    """Share the data of `_UNCHANGED` and the names of the services among all sessions."""
    patch.object(Loader, "load_data_with_path", _get_or_load_data).start()
    patch.object(Loader, "list_available_services", _get_or_list_services).start()


def _get_or_load_data(loader: Loader, name: str) -> tuple[Any, str]:
    if loader.extras_types != _EXTENSIONS or not _UNCHANGED.fullmatch(name):
        return _load_data_with_path(loader, name)  # type: ignore[no-any-return]
    key = (tuple(loader.search_paths), name)
    if key not in _data:
        _data[key] = _load_data_with_path(loader, name)
    return _data[key]


def _get_or_list_services(loader: Loader, type_name: str) -> list[str]:
    key = (tuple(loader.search_paths), type_name)
    if key not in _services:
        _services[key] = _list_available_services(loader, type_name)
    return _services[key]
