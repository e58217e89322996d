"""Attacks on a token's encoding, its claims and its pool: each is refused with its own error.

`test_attacks.py` has the attacks on algorithms, headers, keys and signatures; `test_vectors.py` tests single values.
"""

import hashlib
from typing import Any

import pytest

from django_cognito.core import TokenVerifier, UserPool
from django_cognito.core.errors import MalformedTokenError
from tests.support.signing import b64, jwk, sign

from .forging import (
    HEADER,
    NOW,
    OTHER_POOL,
    POOL,
    access_claims,
    error_code,
    id_claims,
    make_verifier,
    needs_fetch,
    refusal,
    verdict,
)

pytestmark = pytest.mark.usefixtures("decoder")

GOOD = sign(access_claims())
HEADER_PART, CLAIMS, SIGNATURE = GOOD.split(".")
SIZE = 16_384  # the default maximum length of a token


# Encoding


def nested(depth: int, opening: str, closing: str) -> bytes:
    return f'{{"a":{opening * depth}1{closing * depth}}}'.encode()


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(b'{"a": "\xff"}', id="invalid UTF-8"),
        pytest.param(b'{"a":"\xc0\x80"}', id="NUL in two bytes"),
        pytest.param(b'{"a":"\xc0\xaf"}', id="a slash in two bytes"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', id="a surrogate in three bytes"),
        pytest.param(b'{"a":"\xf5\x80\x80\x80"}', id="a character beyond Unicode"),
        pytest.param(b'{"a":"\xe9"}', id="Latin-1"),
        pytest.param('{"a": 1}'.encode("utf-16"), id="UTF-16"),
        pytest.param('{"a": 1}'.encode("utf-32"), id="UTF-32"),
        pytest.param(b'\xff\xfe{"a":1}', id="a byte order mark of UTF-16"),
        pytest.param(b"\xa0{}", id="a space beyond JSON's"),
        pytest.param(nested(40, "[", "]"), id="nested"),
        pytest.param(b'{"a":' + b"[" * 5_000, id="lists that are not closed"),
        pytest.param(nested(3_000, "[", "]"), id="nested beyond Python's limit"),
        pytest.param(nested(2_000, '{"a":', "}"), id="objects nested beyond Python's limit"),
        pytest.param(b'{"a": ' + b"1" * 5_000 + b"}", id="a number beyond Python's limit"),
        pytest.param(f'"{GOOD}"'.encode(), id="a token in quotes"),
        pytest.param(GOOD.encode(), id="a token in a token"),
    ],
)
@pytest.mark.parametrize("place", ["header", "claims"])
def test_part_that_is_not_strict_json_is_malformed(part: bytes, place: str) -> None:
    raw = sign(part) if place == "claims" else sign(access_claims(), header=part)
    error = refusal(raw)
    assert (type(error), error.code) == (MalformedTokenError, "malformed_token")


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(nested(100_000, "[", "]"), id="lists"),
        pytest.param(nested(100_000, '{"a":', "}"), id="objects"),
        pytest.param(nested(50_000, '[{"a":', "}]"), id="alternating"),
        pytest.param(b"[" * 100_000, id="never closed"),
        pytest.param(b'{"a":' + b"1" * 5_000 + b"}", id="5,000 digits"),
        pytest.param(b'{"a":-' + b"9" * 100_000 + b"}", id="100,000 digits"),
        pytest.param(b'{"a":1e' + b"9" * 100_000 + b"}", id="an exponent of 100,000 digits"),
    ],
)
@pytest.mark.parametrize("place", ["header", "claims"])
def test_long_tokens_are_parsed_as_strictly(part: bytes, place: str) -> None:
    raw = sign(part) if place == "claims" else sign(access_claims(), header=part)
    assert error_code(raw, make_verifier(max_bytes=1_000_000)) == "malformed_token"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("." * SIZE, id="dots alone"),
        pytest.param(f"{HEADER_PART}.{CLAIMS[:4]}\n{CLAIMS[4:]}.{SIGNATURE}", id="a newline within"),
        pytest.param(f"{HEADER_PART}.{CLAIMS}.{SIGNATURE[:-2]}+/", id="standard base64"),
        pytest.param(f"{HEADER_PART}.{CLAIMS}.{SIGNATURE[:-1]}{chr(ord(SIGNATURE[-1]) + 1)}", id="idle bits"),
        pytest.param(f"{HEADER_PART}.{CLAIMS[:-4]}!{CLAIMS[-4:]}.{SIGNATURE}", id="a foreign character"),
    ],
)
def test_other_encoding_of_a_token_is_malformed(raw: str) -> None:
    verifier = make_verifier()
    assert verifier.verify(GOOD)
    error = refusal(raw, verifier)
    assert (type(error), error.code) == (MalformedTokenError, "malformed_token")


# Claims


API = "https://api.example.com"


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt"])
def test_token_with_wrong_typ_causes_no_key_fetch(typ: str) -> None:
    raw = sign(id_claims(), header={"alg": "RS256", "kid": "unknown", "typ": typ})
    assert not needs_fetch(TokenVerifier(POOL, token_use="id", now=lambda: NOW), raw)


def _half(raw: str) -> str:
    return b64(hashlib.sha256(raw.encode(errors="replace")).digest()[:16])


@pytest.mark.defends("RP-11")
@pytest.mark.parametrize("raw", [GOOD, "", "\u00e9", "\ud800", "x" * 100_000], ids=lambda raw: ascii(raw[:9]))
def test_at_hash_other_than_the_left_half_is_refused(raw: str) -> None:
    data = raw.encode(errors="replace")
    wrong: dict[str, Any] = {
        "shorter": _half(raw)[:-1],
        "padded": f"{_half(raw)}==",
        "beyond ASCII": f"{_half(raw)}\u00e9",
        "whole": b64(hashlib.sha256(data).digest()),
        "the other half": b64(hashlib.sha256(data).digest()[16:]),
        "hexadecimal": hashlib.sha256(data).hexdigest()[:32],
        "SHA-512": b64(hashlib.sha512(data).digest()[:32]),
        "in a list": [_half(raw)],
        "true": True,
    }
    verdicts = {
        name: verdict(sign(id_claims(at_hash=value)), token_use="id", access_token=raw) for name, value in wrong.items()
    }
    assert verdicts == dict.fromkeys(wrong, "at_hash_mismatch")


# The key belongs to the issuer: RFC 8725 3.8


@pytest.fixture
def two_pools() -> TokenVerifier:
    """Return a verifier of two pools with different keys that have the same `kid`."""
    verifier = make_verifier(POOL, OTHER_POOL)
    verifier.load_jwks(OTHER_POOL, {"keys": [jwk("two", kid="one")]})
    return verifier


OTHER_POOL_CLAIMS = {"iss": OTHER_POOL.issuers[0], "client_id": "9otherclient"}


def test_each_pool_uses_its_own_key(two_pools: TokenVerifier) -> None:
    assert two_pools.verify(GOOD).user_pool_id == POOL.user_pool_id
    assert (
        two_pools.verify(sign(access_claims(**OTHER_POOL_CLAIMS), header=HEADER, key="two")).user_pool_id
        == OTHER_POOL.user_pool_id
    )


@pytest.mark.defends("RP-09")
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("changes", "key"), [({}, "two"), (OTHER_POOL_CLAIMS, "one")], ids=["other pool's key", "this pool's key"]
)
def test_key_of_another_pool_with_the_same_kid_is_refused(changes: dict[str, Any], key: str, order: int) -> None:
    pools = [POOL, OTHER_POOL][::order]
    verifier = make_verifier(*pools)
    verifier.load_jwks(OTHER_POOL, {"keys": [jwk("two", kid="one")]})
    assert error_code(sign(access_claims(**changes), header=HEADER, key=key), verifier) == "invalid_signature"


@pytest.mark.defends("RP-09")
@pytest.mark.parametrize("issuer", [..., None, "", "https://attacker.invalid", POOL.issuer_forms[1]], ids=repr)
@pytest.mark.parametrize("key", ["one", "two"])
def test_unknown_issuer_falls_back_to_no_pool(two_pools: TokenVerifier, issuer: Any, key: str) -> None:
    assert error_code(sign(access_claims(iss=issuer), header=HEADER, key=key), two_pools) == "wrong_issuer"


def test_client_id_of_another_pool_is_refused(two_pools: TokenVerifier) -> None:
    assert error_code(sign(access_claims(client_id="9otherclient")), two_pools) == "wrong_client"
    assert (
        error_code(
            sign(access_claims(**{**OTHER_POOL_CLAIMS, "client_id": "1webclient"}), header=HEADER, key="two"), two_pools
        )
        == "wrong_client"
    )


def test_both_issuer_forms_belong_to_one_pool() -> None:
    both = UserPool(POOL.user_pool_id, client_ids=POOL.client_ids, issuer=POOL.issuer_forms)
    verifier = make_verifier(both, OTHER_POOL)
    for issuer in POOL.issuer_forms:
        token = verifier.verify(sign(access_claims(iss=issuer)))
        assert (token.issuer, token.user_pool_id) == (issuer, POOL.user_pool_id)
    assert (
        error_code(sign(access_claims(iss=OTHER_POOL.issuer_forms[1], client_id="9otherclient")), verifier)
        == "wrong_issuer"
    )
