"""Token decoding: its limits, which are the same in the fast and in the strict decoder."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from django_cognito.core.errors import MalformedTokenError
from django_cognito.core.tokens.jws import MAX_BYTES, decode_jws, decode_jws_strictly
from tests.support.signing import b64

BOTH_DECODERS = pytest.mark.parametrize("decode", [decode_jws, decode_jws_strictly])
Decoder = Callable[..., Any]


def token(claims: str) -> str:
    """Return an unsigned token with these claims."""
    return f"e30.{b64(claims.encode())}.AAAA"


def nested(levels: int, innermost: str, opening: str = "[", closing: str = "]") -> str:
    """Return an object with that many levels, itself the first."""
    return f'{{"a":{opening * (levels - 1)}{innermost}{closing * (levels - 1)}}}'


@BOTH_DECODERS
@pytest.mark.parametrize("innermost", ["", "1", '"["', "1,2"])
def test_json_may_be_nested_32_levels(decode: Decoder, innermost: str) -> None:
    assert decode(token(nested(32, innermost)))[1]
    with pytest.raises(MalformedTokenError, match="reasonable depth"):
        decode(token(nested(33, innermost)))


@BOTH_DECODERS
def test_nested_objects_count_as_levels(decode: Decoder) -> None:
    assert decode(token(nested(32, "1", '{"":', "}")))[1]
    with pytest.raises(MalformedTokenError, match="reasonable depth"):
        decode(token(nested(33, "1", '{"":', "}")))


@BOTH_DECODERS
@pytest.mark.parametrize("sibling", ["[],", "{},", '"[{",'])
def test_siblings_do_not_count_as_levels(decode: Decoder, sibling: str) -> None:
    assert decode(token(f'{{"a":[{sibling * 100}1]}}'))[1]


@BOTH_DECODERS
def test_token_may_have_max_bytes(decode: Decoder) -> None:
    raw = token(f'{{"a":"{"x" * 12_270}"}}')
    most = raw + "A" * (16_384 - len(raw))
    assert len(most) == MAX_BYTES
    assert decode(most)[1]
    with pytest.raises(MalformedTokenError, match="longer than 16384 bytes"):
        decode(most + "AAAA")


@BOTH_DECODERS
@pytest.mark.parametrize("signature", ["", "AA", "AAA", "AAAA", "-_-_", "AAAAAA"])
def test_signature_may_have_any_byte_length(decode: Decoder, signature: str) -> None:
    assert b64(decode(f"e30.e30.{signature}")[3]) == signature


@BOTH_DECODERS
@pytest.mark.parametrize(
    "signature", ["A", "AAAAA", "AB", "A5", "A_", "AAB", "AA5", "AA=", "AA==", "A-+A", "A_/A", "AA A"]
)
def test_noncanonical_signature_is_malformed(decode: Decoder, signature: str) -> None:
    with pytest.raises(MalformedTokenError, match="canonical base64url"):
        decode(f"e30.e30.{signature}")


@BOTH_DECODERS
@pytest.mark.parametrize(
    "claims", ["e30=", "e30==", "e31", "eyJhIjoifiJ9=", "eyJhIjoxfQ==", "eyJhIjoxfR", "eyJhIjoxfQ ", "eyJhIjoxfQA"]
)
def test_noncanonical_claims_are_malformed(decode: Decoder, claims: str) -> None:
    with pytest.raises(MalformedTokenError):
        decode(f"e30.{claims}.AAAA")


@BOTH_DECODERS
@pytest.mark.parametrize("members", ['"a":1,"a":2', '"a":2,"a":1', '"b":1,"a":1,"b":1', '"a":{"a":9,"a":1}'])
def test_duplicate_member_is_malformed(decode: Decoder, members: str) -> None:
    with pytest.raises(MalformedTokenError, match="strict JSON"):
        decode(token(f"{{{members}}}"))


@BOTH_DECODERS
def test_object_may_have_many_members(decode: Decoder) -> None:
    claims = {f"{number}": number for number in range(600)}
    assert decode(token(json.dumps(claims)))[1] == claims


@BOTH_DECODERS
def test_only_the_base64url_alphabet_is_accepted(decode: Decoder) -> None:
    claims = b64(b'{"a":"~~~???>>>"}')
    assert set("-_") & set(claims)
    assert decode(f"e30.{claims}.AAAA")[1] == {"a": "~~~???>>>"}
    with pytest.raises(MalformedTokenError, match="canonical base64url"):
        decode(f"e30.{claims.replace('-', '+').replace('_', '/')}.AAAA")


@BOTH_DECODERS
@pytest.mark.parametrize("dots", [0, 1, 3, 5])
def test_token_without_three_parts_is_malformed(decode: Decoder, dots: int) -> None:
    with pytest.raises(MalformedTokenError, match="not three parts") as caught:
        decode("e30" + ".e30" * dots)
    assert caught.value.code == "malformed_token"
