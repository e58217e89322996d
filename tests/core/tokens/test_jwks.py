"""Key sets: which keys of a JWKS are accepted."""

import math
import random
from typing import Any

import pytest

from django_cognito.core.tokens.jwks import _ROCA_RESIDUES, KeySet, _has_roca_fingerprint
from tests.support.signing import b64, jwk, jwks, number, private_key, roca_key, roca_modulus

PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth")


def padded(value: int, length: int) -> str:
    """Return a number in base64url with leading zeros, `length` bytes long."""
    return b64(value.to_bytes(length))


def test_key_set_maps_kids_to_keys() -> None:
    keys = KeySet(jwks("one", "two"))
    assert (list(keys), len(keys)) == (["one", "two"], 2)
    assert keys["two"].public_numbers() == private_key("two").public_key().public_numbers()


def test_unknown_members_of_a_key_are_ignored() -> None:
    assert "one" in KeySet({"keys": [jwk(x5t="ignored", issuer="https://example.com")], "more": 1})


def test_alg_and_use_of_a_key_are_optional() -> None:
    assert "one" in KeySet({"keys": [jwk(alg=None, use=None)]})


def test_key_with_key_ops_verify_is_accepted() -> None:
    assert "one" in KeySet({"keys": [jwk(key_ops=["verify"])]})


NO_KID = "no object with a kid of reasonable length"
INSECURE = "an RSA key that is not secure"
ROCA = "an RSA key that can be factored (ROCA, CVE-2017-15361)"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param("a string", NO_KID, id="not an object"),
        pytest.param(None, NO_KID, id="null"),
        pytest.param(jwk(kid=None), NO_KID, id="no kid"),
        pytest.param(jwk(kid=""), NO_KID, id="an empty kid"),
        pytest.param(jwk(kid=7), NO_KID, id="a kid that is not a string"),
        pytest.param(jwk(kid="k" * 257), NO_KID, id="a long kid"),
        pytest.param(jwk("two", kty="oct"), "not an RSA key", id="another kind"),
        pytest.param(jwk("two", kty=None), "not an RSA key", id="no kind"),
        pytest.param(jwk("two", alg="RS512"), "not for RS256", id="another algorithm"),
        pytest.param(jwk("two", alg="PS256"), "not for RS256", id="another padding"),
        pytest.param(jwk("two", use="enc"), "not for signatures", id="for encryption"),
        pytest.param(jwk("two", use="wrap"), "not for signatures", id="for wrapping"),
        pytest.param(jwk("two", key_ops=["sign"]), "not for verifying", id="for signing"),
        pytest.param(jwk("two", key_ops="verify"), "not for verifying", id="key_ops that is not a list"),
        *(pytest.param(jwk("two", **{name: "AQAB"}), "a private key", id=f"a private key: {name}") for name in PRIVATE),
        pytest.param(jwk("two", n=None), "no modulus of reasonable size", id="no modulus"),
        pytest.param(jwk("two", n=number(2**9_999 + 1)), "no modulus of reasonable size", id="10000 bits"),
        pytest.param(jwk("two", n="_" * 1_369), "no modulus of reasonable size", id="a modulus that is too long"),
        pytest.param(jwk("two", e=5), "no exponent of reasonable size", id="an exponent that is not a string"),
        pytest.param(jwk("two", e=padded(65_537, 7)), "no exponent of reasonable size", id="a padded exponent"),
        pytest.param(jwk("two", e="_" * 9), "no exponent of reasonable size", id="an exponent that is too long"),
        pytest.param(
            jwk("two", e=number(2**2_047 + 1)), "no exponent of reasonable size", id="an exponent of 2048 bits"
        ),
        pytest.param(jwk("two", n="!"), "not an RSA key", id="a modulus that is not base64"),
        pytest.param(jwk("two", e=""), "not an RSA key", id="an empty exponent"),
        pytest.param(jwk("two", n=number(2**2_046 + 1)), INSECURE, id="2047 bits"),
        pytest.param(jwk("two", n=number(2**8_192 + 1)), INSECURE, id="8193 bits"),
        pytest.param(jwk("two", n=number(2**2_047)), INSECURE, id="an even modulus"),
        pytest.param(jwk("two", e=number(3)), INSECURE, id="exponent 3"),
        pytest.param(jwk("two", e=number(2**32 + 1)), INSECURE, id="a large exponent"),
    ],
)
def test_invalid_key_is_skipped_with_a_reason(bad: Any, reason: str) -> None:
    keys = KeySet({"keys": [bad, jwk("one")]})
    assert list(keys) == ["one"]
    assert keys.skipped == [("" if reason == NO_KID else "two", reason)]


@pytest.mark.parametrize("exponent", [1, 65_536])
def test_invalid_exponent_is_skipped(exponent: int) -> None:
    keys = KeySet({"keys": [jwk("two", e=number(exponent)), jwk("one")]})
    assert list(keys) == ["one"]
    assert keys.skipped in ([("two", "not an RSA key")], [("two", INSECURE)])


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"kid": "k" * 256}, id="a long kid"),
        pytest.param({"n": number(2**2_047 + 1)}, id="2048 bits"),
        pytest.param({"n": number(2**8_191 + 1)}, id="8192 bits"),
        pytest.param({"n": padded(2**8_191 + 1, 1_026)}, id="8192 bits after two zero bytes"),
        pytest.param({"e": number(5)}, id="a small exponent"),
        pytest.param({"e": number(2**32 - 1)}, id="a large exponent"),
        pytest.param({"e": padded(65_537, 6)}, id="a padded exponent"),
        pytest.param({"key_ops": ["sign", "verify"]}, id="for verifying too"),
    ],
)
def test_unusual_key_is_accepted(members: dict[str, Any]) -> None:
    keys = KeySet({"keys": [jwk("two", **members)]})
    assert (list(keys), keys.skipped) == ([members.get("kid", "two")], [])


def test_two_keys_with_the_same_kid_are_both_refused() -> None:
    keys = KeySet({"keys": [jwk("one", kid="x"), jwk("two", kid="x"), jwk("one", kid="x"), jwk("one")]})
    assert (list(keys), keys.skipped) == (["one"], [("x", "two different keys have this kid")])


def test_valid_key_beside_an_invalid_one_with_its_kid_is_used() -> None:
    keys = KeySet({"keys": [jwk("one", kid="x"), jwk("one", kid="x", use="enc"), jwk("two")]})
    assert (list(keys), keys.skipped) == (["x", "two"], [("x", "not for signatures")])


def test_duplicate_key_is_accepted_once() -> None:
    assert list(KeySet(jwks("one", "one"))) == ["one"]


def test_key_set_may_have_twenty_keys() -> None:
    assert len(KeySet({"keys": tuple(jwk(kid=str(position)) for position in range(20))})) == 20


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"keys": []}, "the key set has no usable key"),
        ({"keys": [jwk(kty="EC")]}, "the key set has no usable key"),
        ([], "not a JSON Web Key Set of at most 20 keys"),
    ],
)
def test_invalid_document_is_refused_with_a_reason(document: Any, message: str) -> None:
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
def test_document_without_usable_keys_raises_value_error(document: Any) -> None:
    with pytest.raises(ValueError, match="key"):
        KeySet(document)


# CVE-2017-15361

# The bits of each number are the residues of vulnerable keys, as the authors' detector (roca-detect) publishes them.
PUBLISHED = {
    3: 6, 5: 30, 7: 126, 11: 1026, 13: 5658, 17: 107286, 19: 199410, 23: 8388606, 29: 536870910, 31: 2147483646,
    37: 67109890, 41: 2199023255550, 43: 8796093022206, 47: 140737488355326, 53: 5310023542746834,
    59: 576460752303423486, 61: 1455791217086302986, 67: 147573952589676412926, 71: 20052041432995567486,
    73: 6041388139249378920330, 79: 207530445072488465666, 83: 9671406556917033397649406,
    89: 618970019642690137449562110, 97: 79228162521181866724264247298, 101: 2535301200456458802993406410750,
    103: 1760368345969468176824550810518, 107: 50079290986288516948354744811034,
    109: 473022961816146413042658758988474, 113: 10384593717069655257060992658440190,
    127: 144390480366845522447407333004847678774, 131: 2722258935367507707706996859454145691646,
    137: 174224571863520493293247799005065324265470, 139: 696898287454081973172991196020261297061886,
    149: 713623846352979940529142984724747568191373310, 151: 1800793591454480341970779146165214289059119882,
    157: 126304807362733370595828809000324029340048915994, 163: 11692013098647223345629478661730264157247460343806,
    167: 187072209578355573530071658587684226515959365500926,
}  # fmt: skip


def roca_jwk(modulus: int) -> dict[str, Any]:
    return jwk("one", kid="weak", n=number(modulus))


@pytest.mark.parametrize("bits", [2_048, 3_072, 4_096])
def test_roca_key_is_skipped(bits: int) -> None:
    keys = KeySet({"keys": [roca_jwk(roca_modulus(bits)), jwk("one")]})
    assert (list(keys), keys.skipped) == (["one"], [("weak", ROCA)])


def test_key_set_with_only_roca_keys_raises_value_error() -> None:
    with pytest.raises(ValueError, match="no usable key"):
        KeySet({"keys": [roca_jwk(roca_key().public_key().public_numbers().n)]})


def test_roca_residues_are_the_published_ones() -> None:
    residues = {prime: sum(1 << residue for residue in values) for prime, values in _ROCA_RESIDUES.items()}
    assert residues == PUBLISHED


def test_roca_fingerprint_does_not_match_other_keys() -> None:
    generator = random.Random(15_361)
    # Random odd numbers: each has the fingerprint with a probability of 1 in 240 million.
    moduli = (generator.getrandbits(2_048) | 1 << 2_047 | 1 for _ in range(20_000))
    assert not any(map(_has_roca_fingerprint, moduli))
    assert set(KeySet(jwks("one", "two", "three"))) == {"one", "two", "three"}


@pytest.mark.parametrize("prime", [11, 37, 97, 163, 167])
def test_roca_fingerprint_needs_every_prime(prime: int) -> None:
    modulus = roca_modulus(2_048)
    others = math.prod(other for other in _ROCA_RESIDUES if other != prime)
    other = next(n for n in range(modulus, modulus + prime * others, others) if n % prime not in _ROCA_RESIDUES[prime])
    assert _has_roca_fingerprint(modulus)
    assert not _has_roca_fingerprint(other)
