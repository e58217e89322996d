"""Attacks on a token's encoding, its claims and its pool: each is refused with its own error.

`test_attacks.py` has the attacks on algorithms, headers, keys and signatures; `test_verifier.py` tests single values.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from django_cognito.core import IdToken, TokenVerifier, UserPool
from tests.support.signing import b64, jwk, jwks, sign

from .forging import HEADER, NOW, OTHER_POOL, POOL, access_claims, error_code, id_claims, make_verifier, needs_fetch

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
        pytest.param(b'{"a":[{"b":[{"c":1,"c":1}]}]}', id="a member twice, deep inside lists"),
        pytest.param(b'{"a":{"b":{"c":{"d":1,"e":2,"d":1}}}}', id="a member twice, deep inside objects"),
        pytest.param(b'{"":1,"":1}', id="a member without a name twice"),
        pytest.param(b'{"a":1,"\\u0061":2}', id="a member twice, the second escaped"),
        pytest.param('{"\u00e9":1,"\\u00e9":2}'.encode(), id="a member twice, beyond ASCII"),
        pytest.param(b'{"a":"\xc0\x80"}', id="NUL in two bytes"),
        pytest.param(b'{"a":"\xc0\xaf"}', id="a slash in two bytes"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', id="a surrogate in three bytes"),
        pytest.param(b'{"a":"\xf5\x80\x80\x80"}', id="a character beyond Unicode"),
        pytest.param(b'{"a":"\xe9"}', id="Latin-1"),
        pytest.param('{"a":1}'.encode("utf-16-le"), id="UTF-16 without a byte order mark"),
        pytest.param('{"a":1}'.encode("utf-32-be"), id="UTF-32 without a byte order mark"),
        pytest.param(b'\xff\xfe{"a":1}', id="a byte order mark of UTF-16"),
        pytest.param(b'{"a":1}\0', id="NUL after the object"),
        pytest.param(b'{"a":1}//', id="a comment"),
        pytest.param(b'{"a":1,}', id="a trailing comma"),
        pytest.param(b"{a:1}", id="a name without quotes"),
        pytest.param(b'{"a":01}', id="a leading zero"),
        pytest.param(b'{"a":+1}', id="a plus"),
        pytest.param(b'{"a":.5}', id="no digit before the point"),
        pytest.param(b'{"a":0x10}', id="hexadecimals"),
        pytest.param(b'{"a":-NaN}', id="minus NaN"),
        pytest.param(b'{"a":[Infinity]}', id="Infinity in a list"),
        pytest.param(b'{"a":-1e999}', id="less than all floats"),
        pytest.param('{"a":\u0661}'.encode(), id="a digit beyond ASCII"),
        pytest.param(b'{"a":"\\ud800\\u0041"}', id="half a surrogate pair"),
        pytest.param(b'{"a":"\\udc00\\ud800"}', id="a surrogate pair in the wrong order"),
        pytest.param(b'{"a":"\\x41"}', id="Python's escapes"),
        pytest.param(b"\xa0{}", id="a space beyond JSON's"),
        pytest.param(f'"{GOOD}"'.encode(), id="a token in quotes"),
        pytest.param(GOOD.encode(), id="a token in a token"),
        pytest.param(b'{"payload":"e30","signatures":[]}'[1:], id="half of JWS's JSON form"),
    ],
)
@pytest.mark.parametrize("place", ["header", "claims"])
def test_part_that_is_not_strict_json_is_malformed(part: bytes, place: str) -> None:
    raw = sign(part) if place == "claims" else sign(access_claims(), header=part)
    assert error_code(raw) == "malformed_token"


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
        pytest.param(json.dumps({"protected": HEADER_PART, "payload": CLAIMS, "signature": SIGNATURE}), id="flattened"),
        pytest.param(
            json.dumps({"payload": CLAIMS, "signatures": [{"protected": HEADER_PART, "signature": SIGNATURE}]}),
            id="CVE-2022-29217 general",
        ),
        pytest.param(f"{HEADER_PART}..{SIGNATURE}", id="detached"),
        pytest.param(f"{HEADER_PART}.{CLAIMS}.{SIGNATURE}~", id="SD-JWT"),
        pytest.param(f"'{GOOD}'", id="in quotes"),
        pytest.param(GOOD.replace(".", "%2E"), id="dots escaped"),
        pytest.param(GOOD.replace(".", "\u3002"), id="dots beyond ASCII"),
        pytest.param(GOOD.replace(".", ". "), id="spaces"),
        pytest.param(f"\ufeff{GOOD}", id="a byte order mark"),
        pytest.param(f"{GOOD}\u200b", id="a character of no width"),
        pytest.param(f"{HEADER_PART}=.{CLAIMS}.{SIGNATURE}", id="padding in the header"),
        pytest.param(f"{HEADER_PART}.{CLAIMS}====.{SIGNATURE}", id="padding in the claims"),
        pytest.param(f"{HEADER_PART}.{CLAIMS}.{SIGNATURE[:-1]}{chr(ord(SIGNATURE[-1]) + 1)}", id="idle bits"),
        pytest.param(f"{HEADER_PART}.{CLAIMS[:-4]}!{CLAIMS[-4:]}.{SIGNATURE}", id="a foreign character"),
    ],
)
def test_other_encoding_of_a_token_is_malformed(raw: str) -> None:
    verifier = make_verifier()
    assert verifier.verify(GOOD)
    assert error_code(raw, verifier) == "malformed_token"


# Claims


ISSUER_PARTS = {
    "the first letter": POOL.issuers[0][0],
    "the scheme": "https://",
    "the host": "cognito-idp.eu-west-1.amazonaws.com",
    "without the scheme": POOL.issuers[0].removeprefix("https://"),
    "without the pool": POOL.issuers[0].rpartition("/")[0],
    "without the last letter": POOL.issuers[0][:-1],
    "the pool": POOL.user_pool_id,
}
EXTENDED_ISSUERS = {
    "and more": f"{POOL.issuers[0]}X",
    "and a path": f"{POOL.issuers[0]}/../eu-west-1_Other",
    "and a space": f"{POOL.issuers[0]} ",
    "and a newline": f"{POOL.issuers[0]}\n",
    "and NUL": f"{POOL.issuers[0]}\0",
    "and another": f"{POOL.issuers[0]},{OTHER_POOL.issuers[0]}",
    "in a URL": f"https://attacker.invalid/?{POOL.issuers[0]}",
    "as a user's name": f"https://{POOL.issuers[0].removeprefix('https://')}@attacker.invalid",
    "by http": POOL.issuers[0].replace("https", "http"),
    "with a port": POOL.issuers[0].replace(".com/", ".com:443/"),
    "escaped": POOL.issuers[0].replace("_", "%5F"),
    "a Cyrillic letter": POOL.issuers[0].replace("c", "\u0441"),
}


@pytest.mark.parametrize(
    "issuer",
    [
        *(pytest.param(value, id=f"CVE-2024-53861 {name}") for name, value in ISSUER_PARTS.items()),
        *(pytest.param(value, id=name) for name, value in EXTENDED_ISSUERS.items()),
        pytest.param([POOL.issuers[0]], id="in a list"),
        pytest.param([POOL.issuers[0], OTHER_POOL.issuers[0]], id="two in a list"),
        pytest.param({POOL.issuers[0]: True}, id="in an object"),
        pytest.param(True, id="true"),
        pytest.param(0, id="zero"),
    ],
)
@pytest.mark.parametrize("pools", [[POOL], [POOL, OTHER_POOL]], ids=["one pool", "two pools"])
def test_issuer_is_compared_exactly(issuer: Any, pools: list[UserPool]) -> None:
    assert error_code(sign(access_claims(iss=issuer)), make_verifier(*pools)) == "wrong_issuer"


@pytest.mark.parametrize("use", ["a", "acc", "access ", " access", "Access", "access,id", "accessid", "refresh", "i"])
@pytest.mark.parametrize("expected", ["access", "id", None])
def test_token_use_is_compared_exactly(use: str, expected: Any) -> None:
    assert error_code(sign(access_claims(token_use=use, aud="1webclient")), token_use=expected) == "wrong_token_use"


@pytest.mark.parametrize(
    "client", ["1", "1web", "webclient", "1webclientX", "1WEBCLIENT", "1webclient ", "1webclient,x"]
)
@pytest.mark.parametrize("use", ["access", "id"])
def test_client_id_is_compared_exactly(client: str, use: Any) -> None:
    claims = access_claims(client_id=client) if use == "access" else id_claims(aud=client)
    assert error_code(sign(claims), token_use=use) == "wrong_client"


@pytest.mark.parametrize("audience", [["1webclient"], ["1webclient", "9otherclient"], {"1webclient": 1}, None, True])
def test_aud_of_an_id_token_must_be_a_string(audience: Any) -> None:
    assert error_code(sign(id_claims(aud=audience)), token_use="id") == "invalid_claim"


API = "https://api.example.com"
WRONG_RESOURCES = ("https://", API[:-1], f"{API}/", API.upper(), f"{API} https://other.example", [API], {API: 1})


@pytest.mark.parametrize("audience", [..., None, "", True, "1webclient", *WRONG_RESOURCES], ids=ascii)
def test_resource_is_compared_exactly(audience: Any) -> None:
    pool = UserPool(POOL.user_pool_id, client_ids=POOL.client_ids, resource=API)
    assert error_code(sign(access_claims(aud=audience)), make_verifier(pool)) == "wrong_resource"
    assert make_verifier(pool).verify(sign(access_claims(aud=API)))


@pytest.mark.parametrize("token_use", ["access", "id"])
def test_token_use_decides_if_both_types_of_claims_are_present(token_use: Any) -> None:
    both = {"aud": "1webclient", "cognito:username": "my-test-user"}
    other = "id" if token_use == "access" else "access"
    assert make_verifier().verify(sign(access_claims(**both, token_use=token_use)), token_use=token_use)
    assert error_code(sign(access_claims(**both, token_use=token_use)), token_use=other) == "wrong_token_use"


SUPPORTED_TYPES = ["JWT", "jwt", "at+jwt", "AT+JWT", "At+Jwt", "application/at+jwt", "Application/AT+JWT"]
OTHER_TYPES = [
    "logout+jwt",
    "dpop+jwt",
    "id+jwt",
    "application/jwt",
    "at+jwt ",
    "at+jwt;a=b",
    "",
    "JW\u0422",
    5,
    None,
    ["JWT"],
]


@pytest.mark.parametrize("typ", SUPPORTED_TYPES)
def test_access_token_with_supported_typ_is_accepted(typ: str) -> None:
    assert make_verifier().verify(sign(access_claims(), header={**HEADER, "typ": typ}))


@pytest.mark.parametrize("typ", OTHER_TYPES, ids=repr)
@pytest.mark.parametrize("claims", [access_claims(), id_claims()], ids=["access", "id"])
def test_token_with_other_typ_is_rejected(claims: dict[str, Any], typ: Any) -> None:
    # RFC 8725 3.11: a JWT for another purpose, such as a logout token, is never accepted.
    assert error_code(sign(claims, header={**HEADER, "typ": typ}), token_use=claims["token_use"]) == "invalid_signature"


@pytest.mark.parametrize("typ", SUPPORTED_TYPES)
def test_id_token_with_typ_of_access_token_is_rejected(typ: str) -> None:
    # RFC 9068 4: the typ prevents the use of an access token as an ID token.
    raw, verifier = sign(id_claims(), header={**HEADER, "typ": typ}), make_verifier(token_use=None)
    if typ.lower() == "jwt":
        assert isinstance(verifier.verify(raw), IdToken)
    else:
        assert error_code(raw, verifier, token_use="id") == error_code(raw, verifier) == "invalid_signature"


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt"])
def test_token_with_wrong_typ_causes_no_key_fetch(typ: str) -> None:
    raw = sign(id_claims(), header={"alg": "RS256", "kid": "unknown", "typ": typ})
    assert not needs_fetch(TokenVerifier(POOL, token_use="id", now=lambda: NOW), raw)


@pytest.mark.parametrize("typ", ["JWT", "at+jwt"])
def test_typ_does_not_turn_id_token_into_access_token(typ: str) -> None:
    expected = {"JWT": "wrong_token_use", "at+jwt": "invalid_signature"}
    assert error_code(sign(id_claims(), header={**HEADER, "typ": typ})) == expected[typ]


@pytest.mark.parametrize(
    "moment", ["1e10", "-1e400", "1e400", "-0.0", "0.5", "1800000000.5", "9" * 400, "-" + "9" * 400]
)
@pytest.mark.parametrize("name", ["exp", "iat", "nbf", "auth_time"])
def test_time_claim_in_unusual_number_format(name: str, moment: str) -> None:
    text = json.dumps(access_claims(**{name: "TIME"})).replace('"TIME"', moment)
    if (name, moment) == ("exp", "1e10"):
        assert make_verifier().verify(sign(text.encode())).expires_at.year == 2286
    else:
        assert error_code(sign(text.encode())) in ("invalid_claim", "malformed_token", "token_not_yet_valid")


@pytest.mark.defends("RP-03")
@pytest.mark.parametrize(
    "nonce", ["\u00e9", "\U0001f600", "sen", "sent ", "sent\0", "SENT", ["sent"], {"sent": 1}, True, 0]
)
@pytest.mark.parametrize("sent", ["sent", "s\u00e9nt", "", "\ud800"], ids=ascii)
def test_nonce_is_compared_exactly(nonce: Any, sent: str) -> None:
    assert error_code(sign(id_claims(nonce=nonce)), token_use="id", nonce=sent) == "nonce_mismatch"


def test_non_ascii_nonce_is_accepted() -> None:
    assert make_verifier().verify(sign(id_claims(nonce="s\u00e9nt")), token_use="id", nonce="s\u00e9nt")


def test_cxf_9225_access_token_without_the_sent_nonce_is_refused() -> None:
    assert error_code(GOOD, nonce="sent") == "nonce_mismatch"


def _half(raw: str) -> str:
    return b64(hashlib.sha256(raw.encode(errors="replace")).digest()[:16])


@pytest.mark.defends("RP-11")
@pytest.mark.parametrize("raw", [GOOD, "", "\u00e9", "\ud800", "x" * 100_000], ids=lambda raw: ascii(raw[:9]))
@pytest.mark.parametrize(
    "wrong",
    [
        lambda raw: _half(raw)[:-1],
        lambda raw: f"{_half(raw)}==",
        lambda raw: f"{_half(raw)}\u00e9",
        lambda raw: b64(hashlib.sha256(raw.encode(errors="replace")).digest()),
        lambda raw: b64(hashlib.sha256(raw.encode(errors="replace")).digest()[16:]),
        lambda raw: hashlib.sha256(raw.encode(errors="replace")).hexdigest()[:32],
        lambda raw: b64(hashlib.sha512(raw.encode(errors="replace")).digest()[:32]),
        lambda raw: [_half(raw)],
        lambda raw: True,
    ],
    ids=["shorter", "padded", "beyond ASCII", "whole", "the other half", "hexadecimal", "SHA-512", "in a list", "true"],
)
def test_at_hash_other_than_the_left_half_is_refused(raw: str, wrong: Callable[[str], Any]) -> None:
    assert error_code(sign(id_claims(at_hash=wrong(raw))), token_use="id", access_token=raw) == "at_hash_mismatch"


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
    assert [verifier.verify(sign(access_claims(iss=issuer))).user_pool_id for issuer in POOL.issuer_forms] == [
        POOL.user_pool_id
    ] * 2
    assert (
        error_code(sign(access_claims(iss=OTHER_POOL.issuer_forms[1], client_id="9otherclient")), verifier)
        == "wrong_issuer"
    )


# Cached tokens


OTHER_EXPECTATIONS = {
    "another use": {"token_use": "id"},
    "another client": {"client_ids": ("2appclient",)},
    "no client": {"client_ids": ()},
    "a nonce": {"nonce": "sent"},
}


@pytest.mark.parametrize("expected", [pytest.param(value, id=name) for name, value in OTHER_EXPECTATIONS.items()])
def test_cached_token_is_checked_against_each_call(expected: dict[str, Any]) -> None:
    verifier = make_verifier()
    assert verifier.verify(GOOD)
    assert error_code(GOOD, verifier, **expected) in ("wrong_token_use", "wrong_client", "nonce_mismatch")
    assert verifier.verify(GOOD)


@pytest.mark.parametrize(("moment", "expected"), [(3_560, "token_expired"), (-200, "token_not_yet_valid")])
def test_cached_token_is_checked_against_the_clock(moment: int, expected: str) -> None:
    clock = [NOW]
    verifier = make_verifier(now=lambda: clock[0])
    assert verifier.verify(GOOD)
    clock[0] += moment
    assert error_code(GOOD, verifier) == expected
    clock[0] = NOW
    assert verifier.verify(GOOD)


@pytest.mark.parametrize(
    ("keys", "expected"), [(jwks("two"), "unknown_key"), ({"keys": [jwk("two", kid="one")]}, "invalid_signature")]
)
def test_cached_token_is_checked_against_the_current_keys(keys: Any, expected: str) -> None:
    verifier = make_verifier()
    assert verifier.verify(GOOD)
    verifier.load_jwks(POOL, keys)
    assert error_code(GOOD, verifier) == expected


def test_refused_token_is_not_cached() -> None:
    verifier = make_verifier()
    raw = sign(access_claims(client_id="2appclient"))
    assert [error_code(raw, verifier, client_ids=("1webclient",)) for _ in range(2)] == ["wrong_client"] * 2
    assert verifier.verify(raw)
    assert error_code(raw, verifier, client_ids=("1webclient",)) == "wrong_client"
