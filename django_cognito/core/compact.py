"""A token as it comes: JWS compact serialization (RFC 7515 7.1), taken apart strictly. Knows nothing of what it says.

Two ways give one verdict. The quick way is for JSON written just as Cognito writes it, and proves that by writing it
again: what stands twice, what is no finite number, what has more than one spelling would not come back the same. All
else goes the strict way, which takes ten times as long and says what is wrong.
"""

import json
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
import pybase64

from .errors import MalformedTokenError

MAX_BYTES = 16_384  # ten times Cognito's usual; cheap to refuse beyond

_MAX_DEPTH = 32  # of JSON; Cognito writes two levels, a trigger may add some
_MAX_KEPT_HEADERS, _MAX_KEPT_HEADER_BYTES = 64, 256  # a pool writes one header a key, of 60 bytes


class Parts(NamedTuple):
    """A token taken apart: of the right shape, and believed by nobody yet."""

    header: Mapping[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes

    def __repr__(self) -> str:
        return "<Parts>"  # a log or a traceback tells nothing


def take_apart(raw: object, max_bytes: int = MAX_BYTES) -> Parts:
    """The parts of `raw`, read strictly: RFC 7515 3.1 and 7.1, RFC 8725 3.7.

    Raises MalformedTokenError, whatever `raw` is; its code is `refresh_token` for a token that must never come here.
    """
    if not isinstance(raw, str):
        raise MalformedTokenError("a token is a string")
    if len(raw) > max_bytes:
        raise MalformedTokenError(f"longer than {max_bytes} bytes")
    if not raw.isascii():
        raise MalformedTokenError("a part is not canonical base64url")
    signed, _, signature = raw.encode().rpartition(b".")
    header, dot, claims = signed.partition(b".")
    if not dot or b"." in claims:
        raise _not_three_parts(raw)
    return Parts(_header(header), read_object(_decoded(claims)), signed, _decoded(signature))


def _not_three_parts(raw: str) -> MalformedTokenError:
    if raw.count(".") == 4:
        # RFC 7516 3.1: five parts are an encrypted token, and Cognito's refresh tokens are that.
        return MalformedTokenError("a refresh token where an access or ID token is due", code="refresh_token")
    return MalformedTokenError("not three parts")


def _header(segment: bytes) -> Mapping[str, Any]:
    return _kept_header(segment) if len(segment) <= _MAX_KEPT_HEADER_BYTES else read_object(_decoded(segment))


@lru_cache(_MAX_KEPT_HEADERS)
def _kept_header(segment: bytes) -> Mapping[str, Any]:
    return MappingProxyType(read_object(_decoded(segment)))


def _decoded(segment: bytes) -> bytes:
    """The bytes of a base64url text in its one canonical form: decoders skip, or take, what does not belong."""
    data = b""
    if b"+" not in segment and b"/" not in segment:
        with suppress(ValueError):  # binascii.Error is one
            data = pybase64.b64decode(segment + b"==="[: -len(segment) % 4], b"-_", validate=True)
    if pybase64.b64encode(data, b"-_").rstrip(b"=") != segment:
        raise MalformedTokenError("a part is not canonical base64url")
    return data


def read_object(data: bytes) -> dict[str, Any]:
    """The one JSON object that `data` holds. Raises MalformedTokenError."""
    value = read_as_written(data)
    return read_strictly(data) if value is None else value


def read_as_written(data: bytes) -> dict[str, Any] | None:
    """The quick way: the object, if to write it again gives `data`; None says nothing about why not."""
    if data.count(b"[") + data.count(b"{") > _MAX_DEPTH:
        return None
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) and orjson.dumps(value) == data else None


def read_strictly(data: bytes) -> dict[str, Any]:
    """The strict way: refuses what Python's own reader lets pass, or trips over. Raises MalformedTokenError."""
    try:
        text = data.decode()
        value = _STRICT_JSON.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate cannot be encoded
    except (ValueError, RecursionError):
        # Not chained: the original carries the whole text.
        raise MalformedTokenError("a part is not strict JSON in UTF-8") from None
    if not isinstance(value, dict) or _is_too_deep(text, value):
        raise MalformedTokenError("a part is not a JSON object of reasonable depth")
    return value


def _is_too_deep(text: str, value: Any) -> bool:
    if text.count("[") + text.count("{") <= _MAX_DEPTH:
        return False
    layer = [value]
    for _ in range(_MAX_DEPTH + 1):
        layer = [inner for outer in layer if isinstance(outer, dict | list) for inner in _members(outer)]
    return bool(layer)


def _members(outer: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return outer.values() if isinstance(outer, dict) else outer


def _without_duplicates(members: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(members)
    if len(value) != len(members):
        raise ValueError("a member stands twice")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):  # "NaN", "Infinity", and 1e400
        raise ValueError("not a finite number")
    return number


_STRICT_JSON = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_float=_finite, parse_constant=_finite)
