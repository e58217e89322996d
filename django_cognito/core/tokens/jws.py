"""A token as it comes: JWS compact serialization (RFC 7515 7.1), taken apart strictly. Knows nothing of what it says.

Two ways give one verdict. The quick way is for a part written just as Cognito writes it, and proves that by writing it
again: what stands twice, what is no finite number, what has more than one spelling, in JSON or in base64url, would not
come back the same. All else goes the strict way, which takes ten times as long and says what is wrong.
"""

import json
import math
from collections.abc import Iterable
from typing import Any

import orjson
from pybase64 import b64decode, b64encode

from ..errors import MalformedTokenError

MAX_BYTES = 16_384  # ten times Cognito's usual; cheap to refuse beyond

_MAX_DEPTH = 32  # of JSON; Cognito writes two levels, a trigger may add some
_PADDING = (b"", b"=", b"==", b"===")


# A token's header (still encoded: `read_strictly` reads it), its claims, the bytes that are signed, and the signature.
Parts = tuple[bytes, dict[str, Any], bytes, bytes]


def take_apart(raw: object, max_bytes: int = MAX_BYTES) -> Parts:
    """The parts of `raw`, believed by nobody yet: RFC 7515 3.1 and 7.1, RFC 8725 3.7.

    Raises MalformedTokenError, whatever `raw` is; its code is `refresh_token` for a token that must never come here.
    """
    if isinstance(raw, str) and len(raw) <= max_bytes and raw.isascii():
        signed, _, signature = raw.encode().rpartition(b".")
        header, _, claims = signed.partition(b".")
        if b"=" in claims or b"=" in signature or b"+" in signature or b"/" in signature:
            return take_apart_strictly(raw, max_bytes)
        claims += _PADDING[-len(claims) % 4]
        signature += _PADDING[-len(signature) % 4]
        try:
            # In the claims, which are ASCII, "-" and "_" would stand for "~", ">" and "?" alone: none of Cognito's.
            data, decoded = b64decode(claims, None, True), b64decode(signature, b"-_", True)
            value = orjson.loads(data) if _is_shallow(data) else None
        except ValueError:  # binascii.Error and JSONDecodeError are
            return take_apart_strictly(raw, max_bytes)
        if (
            isinstance(value, dict)
            and b64encode(orjson.dumps(value), b"-_") == claims
            and b64encode(decoded, b"-_") == signature
        ):
            return header, value, signed, decoded
    return take_apart_strictly(raw, max_bytes)


def take_apart_strictly(raw: object, max_bytes: int = MAX_BYTES) -> Parts:
    """As `take_apart`, by the strict way alone."""
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
    return header, read_strictly(claims), signed, _decoded(signature)


def _not_three_parts(raw: str) -> MalformedTokenError:
    if raw.count(".") == 4:
        # RFC 7516 3.1: five parts are an encrypted token, and Cognito's refresh tokens are that.
        return MalformedTokenError("a refresh token where an access or ID token is due", code="refresh_token")
    return MalformedTokenError("not three parts")


def read_strictly(segment: bytes) -> dict[str, Any]:
    """The one JSON object that `segment` encodes. Raises MalformedTokenError.

    Refuses what Python's own reader lets pass, or trips over.
    """
    return read_object(_decoded(segment))


def read_object(data: bytes) -> dict[str, Any]:
    """The one JSON object that `data` holds, in UTF-8, read as strictly. Raises MalformedTokenError."""
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


def _decoded(segment: bytes) -> bytes:
    """The bytes of a base64url text in its one canonical form: decoders skip, or take, what does not belong."""
    padded = segment + _PADDING[-len(segment) % 4]
    if b"+" not in segment and b"/" not in segment and b"=" not in segment:
        try:
            data = b64decode(padded, b"-_", True)
        except ValueError:  # binascii.Error is one
            data = b""
        if b64encode(data, b"-_") == padded:
            return data
    raise MalformedTokenError("a part is not canonical base64url")


def _is_shallow(data: bytes) -> bool:
    """Whether what `data` says cannot be nested too deep. Two looks tell where there is one list in one object."""
    if data.find(b"{", 1) < 0 and data.find(b"[", data.find(b"[") + 1) < 0:
        return True
    return data.count(b"[") + data.count(b"{") <= _MAX_DEPTH


def _is_too_deep(text: str, value: Any) -> bool:
    if text.count("[") + text.count("{") <= _MAX_DEPTH:
        return False
    layer = [value]
    for _ in range(_MAX_DEPTH):
        layer = [inner for outer in layer for inner in _members(outer) if isinstance(inner, dict | list)]
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
