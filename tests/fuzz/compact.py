"""Any bytes as a token, or as a token's claims: both ways of taking it apart say the same, and never anything else."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from django_cognito.core.errors import MalformedTokenError
from django_cognito.core.tokens import jws
from tests.core.tokens.token_encoding import ACCESS, ID, STYLES, JsonLiteral, encode_json
from tests.support.signing import b64

# How the bytes after the first one are used.
_SPELLINGS: tuple[Callable[[bytes], Any], ...] = (
    lambda data: data.decode("latin-1"),
    lambda data: data.decode(errors="surrogateescape"),
    lambda data: f"e30.{b64(data)}.AAAA",
    lambda data: f"e30.{b64(data)}{'=' * (-len(b64(data)) % 4)}.AAAA",
    lambda data: f"e30.{b64(data)}.{b64(data)}",
    lambda data: data,
)
_CLAIMS = 2


def seeds() -> Iterator[bytes]:
    """Good claims in every style, odd ones, and whole tokens."""
    for claims in (ACCESS, ID):
        yield from (bytes([_CLAIMS]) + encode_json(claims, style) for style in ("compact", *STYLES))
    odd = ("NaN", "1e400", "1.0", "-0", "1e-7", "9" * 30, "[" * 33 + "]" * 33, '{"":[[],{}]}', '"\\ud83d\\ude00"')
    yield from (bytes([_CLAIMS]) + encode_json({"x": JsonLiteral(text)}) for text in odd)
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


def judge(data: bytes) -> None:
    """Raise where the two ways differ, or one of them takes what `json` reads otherwise."""
    if not data:
        return
    raw = _SPELLINGS[data[0] % len(_SPELLINGS)](data[1:])
    quick, strict = _outcome(jws.decode_jws, raw), _outcome(jws.decode_jws_strictly, raw)
    assert quick == strict, f"{quick} is not {strict}"
    if not isinstance(quick, str):
        assert quick[1] == repr(json.loads(base64.urlsafe_b64decode(raw.split(".")[1] + "==")))


def _outcome(decode_jws: Callable[[Any], Any], raw: Any) -> Any:
    try:
        header, claims, signed, signature = decode_jws(raw)
    except MalformedTokenError as error:
        return f"{error.code}: {error}"
    return header, repr(claims), signed, signature
