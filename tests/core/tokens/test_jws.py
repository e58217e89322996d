"""A token taken apart: the bounds of what is read, and that both ways draw them in the same place."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from django_cognito.core.errors import MalformedTokenError
from django_cognito.core.tokens.jws import MAX_BYTES, decode_jws, decode_jws_strictly
from tests.support.signing import b64

WAYS = pytest.mark.parametrize("way", [decode_jws, decode_jws_strictly])
Way = Callable[..., Any]


def token(claims: str) -> str:
    """A token that says `claims`, which nobody has signed."""
    return f"e30.{b64(claims.encode())}.AAAA"


def nested(levels: int, innermost: str, opening: str = "[", closing: str = "]") -> str:
    """An object with so many levels, itself the first."""
    return f'{{"a":{opening * (levels - 1)}{innermost}{closing * (levels - 1)}}}'


@WAYS
@pytest.mark.parametrize("innermost", ["", "1", '"["', "1,2"])
def test_json_is_read_to_its_thirty_second_level(way: Way, innermost: str) -> None:
    assert way(token(nested(32, innermost)))[1]
    with pytest.raises(MalformedTokenError, match="reasonable depth"):
        way(token(nested(33, innermost)))


@WAYS
def test_objects_count_as_lists_do(way: Way) -> None:
    assert way(token(nested(32, "1", '{"":', "}")))[1]
    with pytest.raises(MalformedTokenError, match="reasonable depth"):
        way(token(nested(33, "1", '{"":', "}")))


@WAYS
@pytest.mark.parametrize("side", ["[],", "{},", '"[{",'])
def test_what_stands_side_by_side_is_not_deep(way: Way, side: str) -> None:
    assert way(token(f'{{"a":[{side * 100}1]}}'))[1]


@WAYS
def test_a_token_is_read_up_to_its_greatest_size(way: Way) -> None:
    raw = token(f'{{"a":"{"x" * 12_270}"}}')
    most = raw + "A" * (16_384 - len(raw))
    assert len(most) == MAX_BYTES
    assert way(most)[1]
    with pytest.raises(MalformedTokenError, match="longer than 16384 bytes"):
        way(most + "AAAA")


@WAYS
@pytest.mark.parametrize("signature", ["", "AA", "AAA", "AAAA", "-_-_", "AAAAAA"])
def test_a_signature_may_have_any_length_that_bytes_have(way: Way, signature: str) -> None:
    assert b64(way(f"e30.e30.{signature}")[3]) == signature


@WAYS
@pytest.mark.parametrize(
    "signature", ["A", "AAAAA", "AB", "A5", "A_", "AAB", "AA5", "AA=", "AA==", "A-+A", "A_/A", "AA A"]
)
def test_a_signature_has_one_spelling(way: Way, signature: str) -> None:
    with pytest.raises(MalformedTokenError, match="canonical base64url"):
        way(f"e30.e30.{signature}")


@WAYS
@pytest.mark.parametrize(
    "claims", ["e30=", "e30==", "e31", "eyJhIjoifiJ9=", "eyJhIjoxfQ==", "eyJhIjoxfR", "eyJhIjoxfQ ", "eyJhIjoxfQA"]
)
def test_claims_have_one_spelling(way: Way, claims: str) -> None:
    with pytest.raises(MalformedTokenError):
        way(f"e30.{claims}.AAAA")


@WAYS
@pytest.mark.parametrize("members", ['"a":1,"a":2', '"a":2,"a":1', '"b":1,"a":1,"b":1', '"a":{"a":9,"a":1}'])
def test_no_member_stands_twice_in_whatever_order(way: Way, members: str) -> None:
    with pytest.raises(MalformedTokenError, match="strict JSON"):
        way(token(f"{{{members}}}"))


@WAYS
def test_an_object_may_have_many_members(way: Way) -> None:
    claims = {f"{number}": number for number in range(600)}
    assert way(token(json.dumps(claims)))[1] == claims


@WAYS
def test_the_letters_of_the_web_s_base64_are_read_and_those_of_the_other_are_not(way: Way) -> None:
    claims = b64(b'{"a":"~~~???>>>"}')
    assert set("-_") & set(claims)
    assert way(f"e30.{claims}.AAAA")[1] == {"a": "~~~???>>>"}
    with pytest.raises(MalformedTokenError, match="canonical base64url"):
        way(f"e30.{claims.replace('-', '+').replace('_', '/')}.AAAA")


@WAYS
@pytest.mark.parametrize("dots", [0, 1, 3, 5])
def test_what_is_not_in_three_parts_is_no_refresh_token_unless_it_has_five(way: Way, dots: int) -> None:
    with pytest.raises(MalformedTokenError, match="not three parts") as caught:
        way("e30" + ".e30" * dots)
    assert caught.value.code == "malformed_token"
