"""Load the data of botocore once in a test run. Each boto3 session has a loader and would load it again."""

import re
from typing import Any
from unittest.mock import patch

from botocore.hooks import EVENT_ALIASES, EventAliaser
from botocore.loaders import Loader

# Data that no loader changes. The models of other services may be extended in place, so each session needs its own.
_UNCHANGED = re.compile(r"\w+|sdk-default-configuration|.+/endpoint-rule-set-1|cognito-(?:identity|idp)/.+")
_EXTENSIONS = ["sdk"]  # moto's loader has others

_load_data_with_path = Loader.load_data_with_path
_list_available_services = Loader.list_available_services
_data: dict[tuple[tuple[str, ...], str], tuple[Any, str]] = {}
_services: dict[tuple[tuple[str, ...], str], list[str]] = {}

_init_aliaser = EventAliaser.__init__
_event_names: dict[str, str] = {}


def load_data_once() -> None:
    """Share the data of `_UNCHANGED`, the names of the services and those of events among all sessions."""
    patch.object(Loader, "load_data_with_path", _get_or_load_data).start()
    patch.object(Loader, "list_available_services", _get_or_list_services).start()
    patch.object(EventAliaser, "__init__", _init_with_shared_names).start()


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


def _init_with_shared_names(aliaser: Any, emitter: Any, event_aliases: Any = None) -> None:
    """Let sessions and clients with the same aliases share the names of events: each would compute them again."""
    _init_aliaser(aliaser, emitter, event_aliases)
    if aliaser._event_aliases == EVENT_ALIASES:
        aliaser._alias_name_cache = _event_names
