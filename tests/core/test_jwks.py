"""Key sets: which of a document's keys are taken."""

from typing import Any

import pytest

from django_cognito.core.jwks import KeySet

from .signing import b64, jwk, jwks, number, private_key

PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth")


def padded(value: int, length: int) -> str:
    """A number as a JWK holds it, behind as many zeros as make it `length` bytes."""
    return b64(value.to_bytes(length))


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


UNNAMED = "no object with a kid of reasonable length"
UNSOUND = "an RSA key that nobody should trust"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param("a string", UNNAMED, id="no object"),
        pytest.param(None, UNNAMED, id="null"),
        pytest.param(jwk(kid=None), UNNAMED, id="no kid"),
        pytest.param(jwk(kid=""), UNNAMED, id="an empty kid"),
        pytest.param(jwk(kid=7), UNNAMED, id="a kid that is no text"),
        pytest.param(jwk(kid="k" * 257), UNNAMED, id="an endless kid"),
        pytest.param(jwk("two", kty="oct"), "not an RSA key", id="another kind"),
        pytest.param(jwk("two", kty=None), "not an RSA key", id="no kind"),
        pytest.param(jwk("two", alg="RS512"), "not for RS256", id="another algorithm"),
        pytest.param(jwk("two", alg="PS256"), "not for RS256", id="another padding"),
        pytest.param(jwk("two", use="enc"), "not for signatures", id="for encryption"),
        pytest.param(jwk("two", use="wrap"), "not for signatures", id="for wrapping"),
        pytest.param(jwk("two", key_ops=["sign"]), "not for verifying", id="for signing"),
        pytest.param(jwk("two", key_ops="verify"), "not for verifying", id="operations that are no list"),
        *(pytest.param(jwk("two", **{name: "AQAB"}), "a private key", id=f"a private key: {name}") for name in PRIVATE),
        pytest.param(jwk("two", n=None), "no modulus of reasonable size", id="no modulus"),
        pytest.param(jwk("two", n=number(2**9_999 + 1)), "no modulus of reasonable size", id="10000 bits"),
        pytest.param(jwk("two", n="_" * 1_369), "no modulus of reasonable size", id="a character too many"),
        pytest.param(jwk("two", e=5), "no exponent of reasonable size", id="an exponent that is no text"),
        pytest.param(jwk("two", e=padded(65_537, 7)), "no exponent of reasonable size", id="a padded exponent"),
        pytest.param(jwk("two", e="_" * 9), "no exponent of reasonable size", id="an exponent a character too long"),
        pytest.param(jwk("two", e=number(2**2_047 + 1)), "no exponent of reasonable size", id="an endless exponent"),
        pytest.param(jwk("two", n="!"), "not an RSA key", id="a modulus that is no base64"),
        pytest.param(jwk("two", e=""), "not an RSA key", id="an empty exponent"),
        pytest.param(jwk("two", n=number(2**2_046 + 1)), UNSOUND, id="2047 bits"),
        pytest.param(jwk("two", n=number(2**8_192 + 1)), UNSOUND, id="8193 bits"),
        pytest.param(jwk("two", n=number(2**2_047)), UNSOUND, id="an even modulus"),
        pytest.param(jwk("two", e=number(3)), UNSOUND, id="exponent 3"),
        pytest.param(jwk("two", e=number(2**32 + 1)), UNSOUND, id="a large exponent"),
    ],
)
def test_a_bad_key_is_skipped_with_a_reason_and_good_ones_work(bad: Any, reason: str) -> None:
    keys = KeySet({"keys": [bad, jwk("one")]})
    assert list(keys) == ["one"]
    assert keys.skipped == [("" if reason == UNNAMED else "two", reason)]


@pytest.mark.parametrize("exponent", [1, 65_536])
def test_an_exponent_that_signs_nothing_is_skipped_by_whoever_reads_it_first(exponent: int) -> None:
    keys = KeySet({"keys": [jwk("two", e=number(exponent)), jwk("one")]})
    assert list(keys) == ["one"]
    assert keys.skipped in ([("two", "not an RSA key")], [("two", UNSOUND)])


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"kid": "k" * 256}, id="a long kid"),
        pytest.param({"n": number(2**2_047 + 1)}, id="2048 bits"),
        pytest.param({"n": number(2**8_191 + 1)}, id="8192 bits"),
        pytest.param({"n": padded(2**8_191 + 1, 1_026)}, id="8192 bits behind two bytes of zero"),
        pytest.param({"e": number(5)}, id="a small exponent"),
        pytest.param({"e": number(2**32 - 1)}, id="a large exponent"),
        pytest.param({"e": padded(65_537, 6)}, id="a padded exponent"),
        pytest.param({"key_ops": ["sign", "verify"]}, id="for verifying too"),
    ],
)
def test_an_unusual_key_is_taken(members: dict[str, Any]) -> None:
    keys = KeySet({"keys": [jwk("two", **members)]})
    assert (list(keys), keys.skipped) == ([members.get("kid", "two")], [])


def test_two_different_keys_of_one_name_are_both_refused() -> None:
    keys = KeySet({"keys": [jwk("one", kid="x"), jwk("two", kid="x"), jwk("one", kid="x"), jwk("one")]})
    assert (list(keys), keys.skipped) == (["one"], [("x", "two different keys have this kid")])


def test_a_good_key_works_beside_a_bad_one_of_its_name() -> None:
    keys = KeySet({"keys": [jwk("one", kid="x"), jwk("one", kid="x", use="enc"), jwk("two")]})
    assert (list(keys), keys.skipped) == (["x", "two"], [("x", "not for signatures")])


def test_one_key_listed_twice_is_one_key() -> None:
    assert list(KeySet(jwks("one", "one"))) == ["one"]


def test_a_set_of_twenty_keys_is_one() -> None:
    assert len(KeySet({"keys": tuple(jwk(kid=str(position)) for position in range(20))})) == 20


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"keys": []}, "the key set has no usable key"),
        ({"keys": [jwk(kty="EC")]}, "the key set has no usable key"),
        ([], "not a JSON Web Key Set of at most 20 keys"),
    ],
)
def test_what_is_wrong_with_a_document_is_said(document: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        KeySet(document)


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
