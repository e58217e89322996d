"""Invalid tokens and hostile inputs, by name. Must not depend on a verifier."""

import base64
from collections.abc import Iterator

from .tokens import Scenario


def get_rejected_tokens(scenario: Scenario) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the examples of each kind of invalid token."""
    tokens = scenario.tokens
    head, claims, signature = tokens[0].split(".")
    yield "not a JWT", ["garbage"]
    yield "1 MB of letters", ["A" * 1_000_000]
    yield "20 MB of letters", ["A" * 20_000_000]
    yield "1,000,000 dots", ["." * 1_000_000]
    yield "refresh token", [".".join([head, claims, "AAAAAAAAAAAAAAAA", claims * 2, "AAAAAAAAAAAAAAAAAAAAAA"])]
    yield "not base64", [f"{head}.{claims[:-2]}!!.{signature}"]
    yield "expired", [scenario.rejected_tokens["expired"]]
    yield "unknown kid", [scenario.rejected_tokens["unknown kid"]]
    yield "another client", [scenario.rejected_tokens["another client"]]
    yield "wrong signature", [_replace_signature(raw) for raw in tokens]


def _replace_signature(raw: str) -> str:
    """Return `raw` with another signature of the same length."""
    signed, _, signature = raw.rpartition(".")
    return f"{signed}.{signature[::-1][2:]}AA"


def get_slow_inputs(scenario: Scenario) -> dict[str, object]:
    """Return inputs that try to make a parser slow or to crash it."""
    head, claims, signature = scenario.first.split(".")
    size = 12_000  # bytes of JSON in a token just below the default TOKEN_MAX_BYTES

    def with_claims(text: bytes) -> str:
        return f"{head}.{_base64url(text)}.{signature}"

    return {
        "20 MB of letters": "A" * 20_000_000,
        "20 MB in three parts": "A" * 10_000_000 + ".B." + "A" * 10_000_000,
        "20 MB of characters beyond ASCII": "\N{SNOWMAN}" * 20_000_000,
        "20 MB of bytes": b"A" * 20_000_000,
        "1,000,000 dots": "." * 1_000_000,
        "16,000 dots": "." * 16_000,
        "nested arrays": with_claims(b'{"a":' + b"[" * (size // 2) + b"]" * (size // 2) + b"}"),
        "nested objects": with_claims(b'{"a":' * (size // 6) + b"1" + b"}" * (size // 6)),
        "a number of 12,000 digits": with_claims(b'{"exp":' + b"9" * size + b"}"),
        "a long fraction": with_claims(b'{"exp":0.' + b"1" * size + b"}"),
        "a huge exponent": with_claims(b'{"exp":1e' + b"9" * size + b"}"),
        "one member, 2,000 times": with_claims(b"{" + b",".join([b'"a":1'] * 2_000) + b"}"),
        "2,000 members": with_claims(b"{" + b",".join(b'"%d":1' % number for number in range(1_300)) + b"}"),
        "2,000 groups": with_claims(b'{"cognito:groups":[' + b",".join([b'"a"'] * 2_000) + b"]}"),
        "lone surrogates, escaped": with_claims(b'{"a":"' + b"\\ud800" * (size // 6) + b'"}'),
        "a lone surrogate": f"{head}.{claims}\ud800.{signature}",
        "NUL": f"{head}\0.{claims}.{signature}",
        "a header of 12,000 bytes": f"{_base64url(b'{' + b' ' * size + b'}')}.{claims}.{signature}",
        "a signature of 12,000 bytes": f"{head}.{claims}.{_base64url(b'1' * (size - 1_000))}",
        "empty string": "",
        "None": None,
        "a number": 10**1_000,
    }


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
