"""Decode a token's claims and signature with orjson and pybase64, if the extra `speed` installed both.

Must not decide that a token is malformed: what is not decoded here is decoded by the strict path in `jws`, which uses
the standard library alone.
"""

from typing import Any

try:
    import orjson
    from pybase64 import b64decode, b64encode
except ImportError:
    HAS_SPEED = False
else:
    HAS_SPEED = True

MAX_DEPTH = 32  # of nested JSON values; Cognito writes two levels, a trigger may add some
PADDING = (b"", b"=", b"==", b"===")


def decode_canonical(claims: bytes, signature: bytes) -> tuple[dict[str, Any], bytes] | None:
    """Return the JSON object that `claims` encodes and the bytes of `signature`; None if the strict path must decide.

    Both are base64url without padding. The result is proven by encoding it again: a duplicate member, a number that is
    not finite and any second spelling, in JSON or in base64url, would not result in the same bytes.
    """
    if not HAS_SPEED or b"=" in claims or b"=" in signature or b"+" in signature or b"/" in signature:
        return None
    claims += PADDING[-len(claims) % 4]
    signature += PADDING[-len(signature) % 4]
    try:
        # In claims, which are ASCII, "-" and "_" would encode "~", ">" and "?" only, which Cognito does not write.
        data, decoded = b64decode(claims, None, True), b64decode(signature, b"-_", True)
        # Not nested deeper than MAX_DEPTH. Two searches suffice for one object with at most one list, the usual case.
        is_shallow = (data.find(b"{", 1) < 0 and data.find(b"[", data.find(b"[") + 1) < 0) or (
            data.count(b"[") + data.count(b"{") <= MAX_DEPTH
        )
        value = orjson.loads(data) if is_shallow else None
    except ValueError:  # includes binascii.Error and JSONDecodeError
        return None
    if (
        isinstance(value, dict)
        and b64encode(orjson.dumps(value), b"-_") == claims
        and b64encode(decoded, b"-_") == signature
    ):
        return value, decoded
    return None
