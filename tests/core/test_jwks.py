"""Key sets: which of a document's keys are taken."""

from typing import Any

import pytest

from django_cognito.core.jwks import KeySet

from .signing import jwk, jwks, number, private_key


def test_a_key_set_maps_names_to_keys() -> None:
    keys = KeySet(jwks("one", "two"))
    assert (list(keys), len(keys)) == (["one", "two"], 2)
    assert keys["two"].public_numbers() == private_key("two").public_key().public_numbers()


def test_unknown_members_of_a_key_are_ignored() -> None:
    assert "one" in KeySet({"keys": [jwk(x5t="ignored", issuer="https://example.com")], "more": 1})


def test_a_key_need_not_say_what_it_is_for() -> None:
    assert "one" in KeySet({"keys": [jwk(alg=None, use=None)]})


def test_a_key_for_verifying_is_taken() -> None:
    assert "one" in KeySet({"keys": [jwk(key_ops=["verify"])]})


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param("a string", id="no object"),
        pytest.param(None, id="null"),
        pytest.param(jwk(kid=None), id="no kid"),
        pytest.param(jwk(kid=""), id="an empty kid"),
        pytest.param(jwk(kid=7), id="a kid that is no text"),
        pytest.param(jwk(kid="k" * 257), id="an endless kid"),
        pytest.param(jwk("two", kty="oct"), id="another kind"),
        pytest.param(jwk("two", alg="RS512"), id="another algorithm"),
        pytest.param(jwk("two", use="enc"), id="for encryption"),
        pytest.param(jwk("two", key_ops=["sign"]), id="for signing"),
        pytest.param(jwk("two", key_ops="verify"), id="operations that are no list"),
        pytest.param(jwk("two", d="AQAB"), id="a private key"),
        pytest.param(jwk("two", n=None), id="no modulus"),
        pytest.param(jwk("two", e=5), id="an exponent that is no text"),
        pytest.param(jwk("two", n="!"), id="a modulus that is no base64"),
        pytest.param(jwk("two", e=""), id="an empty exponent"),
        pytest.param(jwk("two", n=number(2**1_023 + 1)), id="1024 bits"),
        pytest.param(jwk("two", n=number(2**8_199 + 1)), id="8200 bits"),
        pytest.param(jwk("two", n=number(2**9_999 + 1)), id="10000 bits"),
        pytest.param(jwk("two", n=number(2**2_047)), id="an even modulus"),
        pytest.param(jwk("two", e=number(1)), id="exponent 1"),
        pytest.param(jwk("two", e=number(3)), id="exponent 3"),
        pytest.param(jwk("two", e=number(65_536)), id="an even exponent"),
        pytest.param(jwk("two", e=number(2**32 + 1)), id="a large exponent"),
        pytest.param(jwk("two", e=number(2**2_047 + 1)), id="an endless exponent"),
    ],
)
def test_a_bad_key_is_skipped_with_a_reason_and_good_ones_work(bad: Any) -> None:
    keys = KeySet({"keys": [bad, jwk("one")]})
    assert list(keys) == ["one"]
    ((kid, reason),) = keys.skipped
    assert kid in ("", "two")
    assert reason
    assert jwk("two")["n"] not in reason


def test_two_different_keys_of_one_name_are_both_refused() -> None:
    keys = KeySet({"keys": [jwk("one", kid="x"), jwk("two", kid="x"), jwk("one", kid="x"), jwk("one")]})
    assert (list(keys), keys.skipped) == (["one"], [("x", "two different keys have this kid")])


def test_a_good_key_works_beside_a_bad_one_of_its_name() -> None:
    keys = KeySet({"keys": [jwk("one", kid="x"), jwk("one", kid="x", use="enc"), jwk("two")]})
    assert (list(keys), keys.skipped) == (["x", "two"], [("x", "not for signatures")])


def test_one_key_listed_twice_is_one_key() -> None:
    assert list(KeySet(jwks("one", "one"))) == ["one"]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"keys": []}, id="empty"),
        pytest.param({}, id="keyless"),
        pytest.param([], id="a list"),
        pytest.param(None, id="null"),
        pytest.param("x", id="a string"),
        pytest.param({"keys": {"one": jwk()}}, id="keys by name"),
        pytest.param({"keys": [jwk(kty="EC")]}, id="no usable key"),
        pytest.param({"keys": [jwk(kid=str(position)) for position in range(21)]}, id="21 keys"),
        pytest.param({"keys": [{}] * 5_000}, id="5000 keys"),
    ],
)
def test_a_document_without_usable_keys_is_a_value_error(document: Any) -> None:
    with pytest.raises(ValueError, match="key"):
        KeySet(document)
