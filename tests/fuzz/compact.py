"""Any bytes as a token or as its claims: `decode_jws` and `decode_jws_strictly` have the same result or error."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from django_cognito.core.errors import MalformedTokenError
from django_cognito.core.tokens import jws
from tests.core.tokens.token_encoding import ACCESS, ID, STYLES, JsonLiteral, encode_json
from tests.support.signing import b64

# The first byte selects how the others become a token.
_ENCODINGS: tuple[Callable[[bytes], Any], ...] = (
    lambda data: data.decode("latin-1"),
    lambda data: data.decode(errors="surrogateescape"),
    lambda data: f"e30.{b64(data)}.AAAA",
    lambda data: f"e30.{b64(data)}{'=' * (-len(b64(data)) % 4)}.AAAA",
    lambda data: f"e30.{b64(data)}.{b64(data)}",
    lambda data: data,
)
_CLAIMS = 2


def seeds() -> Iterator[bytes]:
    """Yield valid claims in each style, unusual claims, and complete tokens."""
    for claims in (ACCESS, ID):
        yield from (bytes([_CLAIMS]) + encode_json(claims, style) for style in ("compact", *STYLES))
    unusual = ("NaN", "1e400", "1.0", "-0", "1e-7", "9" * 30, "[" * 33 + "]" * 33, '{"":[[],{}]}', '"\\ud83d\\ude00"')
    yield from (bytes([_CLAIMS]) + encode_json({"x": JsonLiteral(text)}) for text in unusual)
    yield from (b'\x02{"a":1,"a":2}', b"\x02[]", b"\x02{", b"\x02\xff", b"\x02" + b'{"a":' * 300 + b"1" + b"}" * 300)
    yield from (
        b"\0e30.e30.AA",
        b"\0e30.e30.AB",
        b"\0e30.e30=.AA==",
        b"\0e30.A.A.A.A",
        b"\0.",
        b"\0..",
        b"\1e30.\xc3\xa9.",
    )


def check(data: bytes) -> None:
    """Raise AssertionError if the two functions differ, or if their claims are not those that `json` reads."""
    if not data:
        return
    raw = _ENCODINGS[data[0] % len(_ENCODINGS)](data[1:])
    fast, strict = _decode(jws.decode_jws, raw), _decode(jws.decode_jws_strictly, raw)
    assert fast == strict, f"decode_jws: {fast}; decode_jws_strictly: {strict}"
    if not isinstance(fast, str):
        assert fast[1] == repr(json.loads(base64.urlsafe_b64decode(raw.split(".")[1] + "==")))


def _decode(decode_jws: Callable[[Any], Any], raw: Any) -> Any:
    """Return the parts of a token, or its error as text."""
    try:
        header, claims, signed, signature = decode_jws(raw)
    except MalformedTokenError as error:
        return f"{error.code}: {error}"
    return header, repr(claims), signed, signature
