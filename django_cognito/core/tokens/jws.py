"""Decode the JWS compact serialization (RFC 7515 7.1) strictly. Must not depend on what the claims mean.

Two paths have one result. The fast path (`decoding`) accepts claims that are written exactly as Cognito writes them.
Everything else takes the strict path, which uses the standard library, is slower and names what is wrong.
"""

import json
import math
from typing import Any

from ..base64url import decode_base64url
from ..errors import MalformedTokenError
from .decoding import MAX_DEPTH, decode_canonical

MAX_BYTES = 16_384  # ten times the usual size of Cognito's tokens; longer ones are rejected before they are decoded


# The header (still encoded: `decode_segment` decodes it), the claims, the signed bytes and the signature of a token.
Parts = tuple[bytes, dict[str, Any], bytes, bytes]


def decode_jws(raw: object, max_bytes: int = MAX_BYTES) -> Parts:
    """Return the parts of `raw`. Nothing is verified. RFC 7515 3.1 and 7.1, RFC 8725 3.7.

    Raises MalformedTokenError, for any other `raw`; its code is `refresh_token` if `raw` is an encrypted token.
    """
    if isinstance(raw, str) and len(raw) <= max_bytes and raw.isascii():
        signed, _, signature = raw.encode().rpartition(b".")
        header, _, segment = signed.partition(b".")
        canonical = decode_canonical(segment, signature)
        if canonical is not None:
            return header, canonical[0], signed, canonical[1]
    return decode_jws_strictly(raw, max_bytes)


def decode_jws_strictly(raw: object, max_bytes: int = MAX_BYTES) -> Parts:
    """Return what `decode_jws` returns, by the strict path only."""
    if not isinstance(raw, str):
        raise MalformedTokenError("a token is a string")
    if len(raw) > max_bytes:
        raise MalformedTokenError(f"longer than {max_bytes} bytes")
    if not raw.isascii():
        raise MalformedTokenError("a part is not canonical base64url")
    if raw.count(".") == 4:
        # RFC 7516 3.1: a token of five parts is encrypted, and Cognito's refresh tokens are.
        raise MalformedTokenError("a refresh token; an access or ID token is expected", code="refresh_token")
    if raw.count(".") != 2:
        raise MalformedTokenError("not three parts")
    signed, _, signature = raw.encode().rpartition(b".")
    header, _, segment = signed.partition(b".")
    return header, decode_segment(segment), signed, _decode_base64url(signature)


def decode_segment(segment: bytes) -> dict[str, Any]:
    """Return the JSON object that a base64url segment encodes. Raises MalformedTokenError."""
    return decode_json_object(_decode_base64url(segment))


def decode_json_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object that `data` holds in UTF-8. Raises MalformedTokenError.

    Stricter than the `json` module: no duplicate members, no number that is not finite, no lone surrogates, no deep
    nesting.
    """
    try:
        text = data.decode()
        value = _STRICT_JSON.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate cannot be encoded
    except (ValueError, RecursionError):
        # Not chained: the original error holds the whole text.
        raise MalformedTokenError("a part is not strict JSON in UTF-8") from None
    level: list[Any] = []
    if isinstance(value, dict) and text.count("[") + text.count("{") > MAX_DEPTH:
        # More brackets than levels are allowed, so the levels are counted, without recursion.
        level = [value]
        for _ in range(MAX_DEPTH):
            members = [item for outer in level for item in (outer.values() if isinstance(outer, dict) else outer)]
            level = [item for item in members if isinstance(item, dict | list)]
    if not isinstance(value, dict) or level:
        raise MalformedTokenError("a part is not a JSON object of reasonable depth")
    return value


def _decode_base64url(segment: bytes) -> bytes:
    try:
        return decode_base64url(segment.decode())
    except ValueError:
        raise MalformedTokenError("a part is not canonical base64url") from None


def _reject_duplicates(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object. RFC 7519 4: a parser may reject duplicate claim names, and this one does."""
    value = dict(members)
    if len(value) != len(members):
        raise ValueError("duplicate member")
    return value


def _parse_finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):  # "NaN", "Infinity", and 1e400
        raise ValueError("not a finite number")
    return number


_STRICT_JSON = json.JSONDecoder(
    object_pairs_hook=_reject_duplicates, parse_float=_parse_finite, parse_constant=_parse_finite
)
