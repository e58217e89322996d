"""What nobody would send in good faith, by name. Bytes and strings only; knows no verifier."""

import base64
from collections.abc import Iterator

from .tokens import Scene


def refusals(scene: Scene) -> Iterator[tuple[str, list[str]]]:
    """Kinds of refusals, with as many examples as there are."""
    good = scene.tokens
    head, claims, signature = good[0].split(".")
    yield "no token at all", ["garbage"]
    yield "1 MB of garbage", ["A" * 1_000_000]
    yield "20 MB of garbage", ["A" * 20_000_000]
    yield "a million dots", ["." * 1_000_000]
    yield "a refresh token", [".".join([head, claims, "AAAAAAAAAAAAAAAA", claims * 2, "AAAAAAAAAAAAAAAAAAAAAA"])]
    yield "not base64", [f"{head}.{claims[:-2]}!!.{signature}"]
    yield "expired", [scene.refused["expired"]]
    yield "unknown kid", [scene.refused["unknown kid"]]
    yield "another client's", [scene.refused["another client's"]]
    yield "wrong signature", [_spoiled(raw) for raw in good]


def _spoiled(raw: str) -> str:
    """`raw` with another signature of the right length."""
    signed, _, signature = raw.rpartition(".")
    return f"{signed}.{signature[::-1][2:]}AA"


def worst(scene: Scene) -> dict[str, object]:
    """Inputs made to take long, or to trip a reader over."""
    head, claims, signature = scene.first.split(".")
    room = 12_000  # of JSON, in a token just short of the default TOKEN_MAX_BYTES

    def with_claims(text: bytes) -> str:
        return f"{head}.{_base64url(text)}.{signature}"

    return {
        "20 MB of letters": "A" * 20_000_000,
        "20 MB in three parts": "A" * 10_000_000 + ".B." + "A" * 10_000_000,
        "20 MB of characters beyond ASCII": "\N{SNOWMAN}" * 20_000_000,
        "20 MB of bytes": b"A" * 20_000_000,
        "a million dots": "." * 1_000_000,
        "16,000 dots": "." * 16_000,
        "nested arrays": with_claims(b'{"a":' + b"[" * (room // 2) + b"]" * (room // 2) + b"}"),
        "nested objects": with_claims(b'{"a":' * (room // 6) + b"1" + b"}" * (room // 6)),
        "a number of 12,000 digits": with_claims(b'{"exp":' + b"9" * room + b"}"),
        "a long fraction": with_claims(b'{"exp":0.' + b"1" * room + b"}"),
        "a huge exponent": with_claims(b'{"exp":1e' + b"9" * room + b"}"),
        "one member, 2,000 times": with_claims(b"{" + b",".join([b'"a":1'] * 2_000) + b"}"),
        "2,000 members": with_claims(b"{" + b",".join(b'"%d":1' % number for number in range(1_300)) + b"}"),
        "2,000 groups": with_claims(b'{"cognito:groups":[' + b",".join([b'"a"'] * 2_000) + b"]}"),
        "lone surrogates, escaped": with_claims(b'{"a":"' + b"\\ud800" * (room // 6) + b'"}'),
        "a lone surrogate": f"{head}.{claims}\ud800.{signature}",
        "NUL": f"{head}\0.{claims}.{signature}",
        "a header of 12,000 bytes": f"{_base64url(b'{' + b' ' * room + b'}')}.{claims}.{signature}",
        "a signature of 12,000 bytes": f"{head}.{claims}.{_base64url(b'1' * (room - 1_000))}",
        "nothing": "",
        "no string": None,
        "a number": 10**1_000,
    }


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
