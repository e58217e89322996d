"""Parse a write: the JSON of a request, or a value of Python code. No I/O; must not depend on models or requests."""

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from ..conf.schema import CognitoSettings
from .errors import DatasetError

_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_KEY_LENGTH = 1_024
_DEVICE_TIME_LENGTH = 40
_MAX_COUNT = 2**63 - 1
# Python's parser and writer of JSON recurse: a value that was just accepted could not be read further down the stack.
_MAX_LEVELS = 100
_TOO_DEEP = "a value has more than 100 levels of arrays and objects"


@dataclass(frozen=True, slots=True)
class Change:
    """A record to be written. `value` is JSON as text, None for a deletion; `sync_count` None replaces any record."""

    key: str
    value: str | None
    sync_count: int | None
    device_time: str = ""

    @property
    def byte_count(self) -> int:
        """What counts for DATASETS_MAX_BYTES; of a deletion, what counts for the limit of deletions."""
        return len(self.key.encode()) + len((self.value or "").encode())


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """The changes of one write. Without an operation id it is not a client's: no conflicts, no limit of writes."""

    changes: tuple[Change, ...]
    is_atomic: bool = False
    operation_id: str = ""
    digest: str = ""


def require_name(name: str, code: str = "dataset_name_invalid") -> str:
    """Return `name` if it is that of a dataset or an operation id. Raises DatasetError with `code`."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DatasetError("a name has 1 to 128 of A-Za-z0-9_.:-", code=code)
    return name


def parse_count(text: str) -> int:
    """Return the count of a query parameter. Raises DatasetError (since_invalid)."""
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) > _MAX_COUNT:
        raise DatasetError("since and start are integers of 0 or more", code="since_invalid")
    return int(text)


def parse_request(body: bytes, settings: CognitoSettings) -> WriteRequest:
    """Return the write of a request's body. Raises DatasetError."""
    try:
        data = json.loads(body, parse_constant=_refuse_constant)
        digest = hashlib.sha256(serialize_json(data, sort_keys=True).encode()).hexdigest()
    except RecursionError:
        raise DatasetError(_TOO_DEEP, code="records_invalid") from None
    except ValueError:
        # Not `from error`: its text would have a part of the body.
        raise DatasetError("the body is no JSON", code="body_invalid") from None
    if not isinstance(data, dict) or type(data.get("atomic", False)) is not bool:
        raise DatasetError("the body is no object, or atomic is no boolean", code="body_invalid")
    operation_id = require_name(data.get("operation_id", ""), "operation_id_invalid")
    items = data.get("records")
    if not isinstance(items, list) or not items:
        raise DatasetError("records is no list, or is empty", code="records_invalid")
    if len(items) > settings.datasets_max_records:  # databases limit the parameters of a query
        raise DatasetError("the request has more than DATASETS_MAX_RECORDS", code="records_limit")
    changes = tuple(_parse_change(item, settings) for item in items)
    if len({change.key for change in changes}) < len(changes):
        raise DatasetError("records has a key twice", code="records_invalid")
    return WriteRequest(changes, data.get("atomic", False), operation_id, digest)


def create_request(values: Mapping[str, Any], settings: CognitoSettings) -> WriteRequest:
    """Return the write of values of Python code; None deletes. Raises DatasetError; TypeError for what is no JSON."""
    return WriteRequest(tuple(create_change(key, value, None, settings) for key, value in values.items()))


def create_change(
    key: Any, value: Any, sync_count: int | None, settings: CognitoSettings, device_time: str = ""
) -> Change:
    """Return a change after checking its key and its size. Raises DatasetError."""
    if not isinstance(key, str) or not is_text(key) or not 1 <= len(key) <= _KEY_LENGTH:
        raise DatasetError("a key has 1 to 1024 characters, without NUL and lone surrogates", code="records_invalid")
    try:
        text = None if value is None else serialize_json(value)
    except RecursionError:
        raise DatasetError(_TOO_DEEP, code="records_invalid") from None
    if text is not None and len(text.encode()) > settings.datasets_max_value_bytes:
        raise DatasetError("a value has more bytes than DATASETS_MAX_VALUE_BYTES", code="value_too_large")
    if _is_too_deep(value):
        raise DatasetError(_TOO_DEEP, code="records_invalid")
    return Change(key, text, sync_count, device_time)


def serialize_json(value: Any, *, sort_keys: bool = False) -> str:
    """Return compact JSON that UTF-8 can encode. Raises ValueError for NaN and infinity."""
    options: Mapping[str, Any] = {"separators": (",", ":"), "allow_nan": False, "sort_keys": sort_keys}
    text = json.dumps(value, ensure_ascii=False, **options)
    return text if is_text(text) else json.dumps(value, **options)  # a lone surrogate of JavaScript, escaped


def is_text(text: str) -> bool:
    """Return whether every database stores `text`: no NUL, no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _is_too_deep(value: Any) -> bool:
    """Return whether `value`, which is JSON, has more than 100 arrays and objects within each other."""
    level = [value]
    for _ in range(_MAX_LEVELS):
        containers = [item.values() if isinstance(item, dict) else item for item in level if _is_container(item)]
        level = [item for container in containers for item in container]
    return any(map(_is_container, level))


def _is_container(value: Any) -> bool:
    return isinstance(value, dict | list | tuple)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def _parse_change(item: Any, settings: CognitoSettings) -> Change:
    count, device_time = (item.get("sync_count"), item.get("device_time")) if isinstance(item, dict) else (None, None)
    if type(count) is not int or not 0 <= count <= _MAX_COUNT or "value" not in item:
        raise DatasetError("a record has key, value and an integer sync_count", code="records_invalid")
    is_time = device_time is None
    if isinstance(device_time, str) and len(device_time) <= _DEVICE_TIME_LENGTH and device_time.isascii():
        with suppress(ValueError):
            is_time = bool(datetime.fromisoformat(device_time))
    if not is_time:
        raise DatasetError("device_time is no ISO 8601 time", code="records_invalid")
    return create_change(item.get("key"), item["value"], count, settings, device_time or "")
