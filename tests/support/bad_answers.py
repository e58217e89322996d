"""Responses that contain neither a JWKS nor tokens, and endless responses."""

import json
import ssl
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

from local_cognito_support.scripted_server import Answer, Drip, Flood, Raw, Step

from tests.support.certificates import Authority, only_tls_1_0
from tests.support.signing import jwk, jwks

KIB, MIB = 1024, 1024 * 1024


GOOD = json.dumps(jwks("one", "two")).encode()


KEYLESS: dict[str, Any] = {
    "no keys": {"keys": []},
    "an empty object": {},
    "an empty list": [],
    "null": None,
    "a string": "x",
    "keys that are none": {"keys": [jwk(kty="EC", n=None, e=None), {}, None]},
    "keys by name": {"keys": {"one": jwk()}},
}


@cache
def packed_zeros(mebibytes: int) -> bytes:
    """Return this many MiB of zeros, compressed with gzip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(b"\0" * MIB) for _ in range(mebibytes)), packer.flush()])


UNREADABLE = {
    "HTML": Answer(200, b"<!doctype html><title>Sign in to this Wi-Fi</title>", {"content-type": "text/html"}),
    "cut short inside": Answer(200, GOOD[: len(GOOD) // 2]),
    "cut short on the way": Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n" + GOOD),
    "cut short at the second chunk": Raw(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n40\r\nx" % (len(GOOD), GOOD)
    ),
    "UTF-16": Answer(200, GOOD.decode().encode("utf-16"), {"content-type": "application/json; charset=utf-16"}),
    "Latin-1": Answer(200, GOOD[:-1] + b',"\xe9":1}', {"content-type": "application/json; charset=latin-1"}),
    "a byte order mark": Answer(200, b"\xef\xbb\xbf" + GOOD),
    "nested": Answer(200, b"[" * 60_000),
    "twice": Answer(200, GOOD + GOOD),
    "nothing": Answer(200, b""),
    "no HTTP": Raw(b"+PONG\r\n"),
    "gzip that is none": Answer(200, GOOD, {"content-encoding": "gzip"}),
    "a bomb": Answer(200, packed_zeros(50), {"content-encoding": "gzip"}),
}


FLOODS: dict[str, Callable[[], Flood]] = {
    "50 MB": lambda: Flood(b"HTTP/1.1 200 OK\r\ncontent-length: 52428800\r\n\r\n", b" " * (64 * KIB), 800),
    "50 MB of keys": lambda: Flood(
        b'HTTP/1.1 200 OK\r\ncontent-length: 52428800\r\n\r\n{"keys":[', b"{}," * 20_000, 870
    ),
    "chunks without end": lambda: Flood(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * (64 * KIB) + b"\r\n"
    ),
    "a body without end": lambda: Flood(b"HTTP/1.0 200 OK\r\n\r\n", b" " * (64 * KIB)),
    "one chunk's length without end": lambda: Flood(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1" * (64 * KIB)
    ),
    "one header without end": lambda: Flood(b"HTTP/1.1 200 OK\r\nx: ", b"x" * (64 * KIB)),
    "a status line without end": lambda: Flood(b"HTTP/1.1 200 ", b"x" * (64 * KIB)),
}


HASTE = 0.3  # the total deadline in real seconds; a dripping response would never end


DRIPS: dict[str, Step] = {
    "the status line": Drip(drop=b"H"),
    "one header": Drip(b"HTTP/1.1 200 OK\r\nx-drop: ", b"x"),
    "header after header": Drip(b"HTTP/1.1 200 OK\r\n", b"x: 1\r\n"),
    "the body": Drip(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n", b" "),
    "a body without length": Drip(b"HTTP/1.0 200 OK\r\n\r\n", b" "),
    "chunks": Drip(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "100 Continue": Drip(drop=b"HTTP/1.1 100 Continue\r\n\r\n"),
    "the body of an error": Drip(b"HTTP/1.1 500 Oh\r\ncontent-length: 60000\r\n\r\n", b" "),
}


BAD_TLS: dict[str, Callable[[Authority], ssl.SSLContext]] = {
    "expired": lambda authority: authority.tls(from_day=-2, to_day=-1),
    "not yet": lambda authority: authority.tls(from_day=1, to_day=2),
    "another host": lambda authority: authority.tls("keys.example"),
    "another address": lambda authority: authority.tls("127.0.0.2"),
    "self-signed": lambda authority: authority.tls(self_signed=True),
    "TLS 1.0": lambda authority: only_tls_1_0(authority.tls()),
}
