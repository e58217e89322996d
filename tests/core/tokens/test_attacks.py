"""Attacks on algorithms, headers, keys and signatures: each is refused with its own error and without a request.

`test_incidents.py` has the attacks on a token's encoding and claims; `test_vectors.py` tests single values.
"""

import base64
import hashlib
import itertools
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from local_cognito_support.scripted_server import ScriptedServer, json_answer

from django_cognito.core import TokenVerifier, UserPool
from django_cognito.core.errors import SignatureError
from tests.support.signing import b64, jwk, jwks, private_key, segment, sign
from tests.support.vectors import read_vectors

from .forging import (
    DIGEST_INFO,
    HEADER,
    NOW,
    POOL,
    access_claims,
    error_code,
    forged_padding,
    join_parts,
    make_verifier,
    needs_fetch,
    public_key_as_secret,
    refusal,
    sign_with,
    valid_padding,
    verdict,
)

pytestmark = pytest.mark.usefixtures("decoder")

GOOD = sign(access_claims())
HEADER_PART, CLAIMS, SIGNATURE = GOOD.split(".")
MESSAGE = f"{HEADER_PART}.{CLAIMS}"
MODULUS = private_key("one").public_key().public_numbers().n
JWKS_PATH = "/eu-west-1_AbCdEfGhI/.well-known/jwks.json"


@pytest.fixture
def pool_server() -> Iterator[ScriptedServer]:
    """Yield the server of the pool's JWKS."""
    with ScriptedServer(json_answer(jwks("one"))) as server:
        yield server


@pytest.fixture
def attacker_server() -> Iterator[ScriptedServer]:
    """Yield the server of the attacker's JWKS."""
    with ScriptedServer(json_answer(jwks("two"))) as server:
        yield server


@pytest.fixture
def remote(pool_server: ScriptedServer) -> UserPool:
    """Return a pool without pinned keys: they have to be fetched."""
    return UserPool(POOL.user_pool_id, client_ids=("1webclient",), issuer=f"{pool_server.url}/{POOL.user_pool_id}")


@pytest.fixture
def cold(remote: UserPool) -> TokenVerifier:
    """Return a verifier without cached keys."""
    return TokenVerifier(remote, now=lambda: NOW)


# Algorithms: RFC 8725 3.1, 3.2, 3.5


@pytest.mark.parametrize("header_alg", ["HS256", "RS256"])
@pytest.mark.parametrize(
    "secret", [pytest.param(value, id=f"CVE-2016-10555 {name}") for name, value in public_key_as_secret().items()]
)
def test_public_key_as_hmac_secret_is_refused(secret: bytes, header_alg: str) -> None:
    assert error_code(sign_with("HS256", header_alg=header_alg, secret=secret)) == "invalid_signature"


@pytest.mark.parametrize("header_alg", [None, "RS256"], ids=["true alg", "alg RS256"])
@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "HS384", "HS512"])
def test_valid_signature_by_another_algorithm_is_refused(algorithm: str, header_alg: str | None) -> None:
    assert error_code(sign_with(algorithm, header_alg=header_alg)) == "invalid_signature"


def test_valid_tokens_of_the_forging_functions_are_accepted() -> None:
    assert make_verifier().verify(sign_with("RS256"))
    assert make_verifier().verify(valid_padding())


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES256K", "EdDSA", "RS256"])
@pytest.mark.parametrize(
    "signature", [bytes(64), bytes(96), bytes.fromhex("3006020100020100")], ids=["64", "96", "DER"]
)
def test_cve_2022_21449_signature_of_zeros_is_refused(alg: str, signature: bytes) -> None:
    assert error_code(join_parts({"kid": "one", "alg": alg}, access_claims(), signature)) == "invalid_signature"


def test_ec_and_oct_keys_in_the_jwks_are_not_used() -> None:
    verifier = make_verifier()
    elliptic = {"kty": "EC", "crv": "P-256", "x": b64(bytes(32)), "y": b64(bytes(32))}
    secret = {"kty": "oct", "k": b64(b"a secret")}
    others = [{**key, "kid": kind, "use": "sig", "alg": alg} for kind, alg, key in _kinds(elliptic, secret)]
    verifier.load_jwks(POOL, {"keys": [*others, jwk()]})
    for kind in ("elliptic", "secret"):
        assert error_code(sign(access_claims(), header={"kid": kind, "alg": "RS256"}), verifier) == "unknown_key"
    assert verifier.verify(GOOD)


def _kinds(*keys: Any) -> Iterator[tuple[str, str, Any]]:
    return zip(("elliptic", "secret"), ("ES256", "RS256"), keys, strict=True)


# Header parameters: RFC 8725 3.10


def test_unencoded_payload_is_malformed() -> None:
    header = segment({**HEADER, "b64": False})
    payload = json.dumps(access_claims(scope=...))  # RFC 7797 5.2: a payload without dots may be unencoded
    assert error_code(f"{header}.{payload.replace('.', '')}.{SIGNATURE}") == "malformed_token"


@pytest.mark.parametrize(("kid", "expected"), [("one", "invalid_signature"), ("two", "unknown_key")])
def test_cve_2018_0114_key_in_the_header_is_not_used(kid: str, expected: str) -> None:
    header = {"kid": kid, "alg": "RS256", "jwk": jwk("two", kid=kid), "x5c": [segment(jwk("two"))]}
    assert error_code(sign(access_claims(), header=header, key="two")) == expected


@pytest.mark.defends("RP-25")
@pytest.mark.parametrize("kid", ["one", "two"])
@pytest.mark.parametrize("name", ["jku", "x5u", "jwks_uri", "iss", "url", "kid"])
def test_url_in_the_header_is_not_requested(
    name: str,
    kid: str,
    remote: UserPool,
    cold: TokenVerifier,
    pool_server: ScriptedServer,
    attacker_server: ScriptedServer,
) -> None:
    url = f"{attacker_server.url}/{POOL.user_pool_id}/.well-known/jwks.json"
    header = {"kid": kid, "alg": "RS256", name: url}
    error = refusal(sign(access_claims(iss=remote.issuers[0]), header=header, key="two"), cold)
    assert type(error) is SignatureError
    assert [request.path for request in pool_server.requests] == [JWKS_PATH]
    assert attacker_server.count == 0


@pytest.mark.defends("RP-25")
def test_keys_of_a_foreign_issuer_are_not_fetched(
    cold: TokenVerifier, pool_server: ScriptedServer, attacker_server: ScriptedServer
) -> None:
    raw = sign(access_claims(iss=f"{attacker_server.url}/{POOL.user_pool_id}"), key="two")
    assert not needs_fetch(cold, raw)
    assert error_code(raw, cold) == "wrong_issuer"
    assert (pool_server.count, attacker_server.count) == (0, 0)


HOSTILE_KIDS = [vector for vector in read_vectors("header") if vector.id.startswith("hostile kid: ")]


@pytest.mark.defends("RP-25")
@pytest.mark.parametrize("header", [pytest.param(vector.build_header(), id=vector.id) for vector in HOSTILE_KIDS])
def test_hostile_kid_changes_no_request_path_and_is_not_logged(
    header: dict[str, Any],
    remote: UserPool,
    cold: TokenVerifier,
    pool_server: ScriptedServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = refusal(sign(access_claims(iss=remote.issuers[0]), header=header), cold)
    assert type(error) is SignatureError
    assert {request.path for request in pool_server.requests} <= {JWKS_PATH}
    assert not header["kid"] or header["kid"] not in f"{error} {caplog.text}"


# Compression and encryption: RFC 8725 3.6


def test_compressed_payload_is_never_decompressed(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zlib.compress(bytes(10_000_000))
    inflated: list[Any] = []
    for name in ("decompress", "decompressobj"):
        monkeypatch.setattr(zlib, name, lambda *args, **kwargs: inflated.append(args))
    for zipped in (bomb, bomb[2:-4]):
        assert error_code(sign(zipped, header={**HEADER, "zip": "DEF"})) == "malformed_token"
    assert inflated == []


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"alg": "dir", "enc": "A256GCM"}, id="a direct key"),
        pytest.param({"alg": "RSA-OAEP", "enc": "A256GCM"}, id="like a refresh token"),
        pytest.param({"alg": "dir", "enc": "A256GCM", "zip": "DEF"}, id="CVE-2024-33664 compressed"),
        pytest.param({"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2c": 2**31 - 1, "p2s": "AA"}, id="p2c bomb"),
    ],
)
def test_encrypted_token_is_never_decrypted(
    header: dict[str, Any], pool_server: ScriptedServer, cold: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived: list[Any] = []
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", lambda *args, **kwargs: derived.append(args))
    raw = ".".join([segment(header), *(b64(bytes(size)) for size in (256, 12, 1_000, 16))])
    assert error_code(raw, cold) == "refresh_token"
    assert error_code(join_parts({**header, "kid": "one"}, access_claims(), bytes(256)), cold) == "invalid_signature"
    assert (derived, pool_server.count) == ([], 0)


# Signatures: RFC 8725 3.3


VALUE = base64.urlsafe_b64decode(f"{SIGNATURE}==")
NUMBER = int.from_bytes(VALUE)


def number(value: int, length: int = 256) -> str:
    return b64(value.to_bytes(length))


SIGNATURES = {
    "empty": "",
    "one zero": b64(b"\0"),
    "zero": number(0),
    "one": number(1),
    "two to the 2047": number(2**2_047),
    "the modulus": number(MODULUS),
    "the modulus less one": number(MODULUS - 1),
    "the maximum": number(2**2_048 - 1),
    "the negative": number(MODULUS - NUMBER),
    "plus the modulus": number(NUMBER + MODULUS, 257),
    "a zero before it": b64(b"\0" + VALUE),
    "a zero after it": b64(VALUE + b"\0"),
    "the last byte missing": b64(VALUE[:-1]),
    "the first byte missing": b64(VALUE[1:]),
    "half": b64(VALUE[:128]),
    "twice": b64(VALUE * 2),
    "reversed": b64(VALUE[::-1]),
    "one bit flipped": b64(VALUE[:-1] + bytes([VALUE[-1] ^ 1])),
    "hexadecimal": b64(VALUE.hex().encode()),
    "base64 twice": b64(SIGNATURE.encode()),
    "wrapped in ASN.1": b64(b"\x04\x82\x01\x00" + VALUE),
    "300 bytes": b64(b"x" * 300),
    "10000 bytes": b64(bytes(10_000)),
}


@pytest.mark.parametrize("is_cached", [False, True], ids=["uncached", "cached"])
def test_other_signature_is_refused(is_cached: bool) -> None:
    verdicts = {}
    for name, signature in SIGNATURES.items():
        verifier = make_verifier()
        if is_cached:
            assert verifier.verify(GOOD)
        verdicts[name] = verdict(f"{MESSAGE}.{signature}", verifier)
    assert verdicts == dict.fromkeys(SIGNATURES, "invalid_signature")


def test_signature_plus_modulus_is_refused() -> None:
    for raw in (sign(access_claims(jti=str(position))) for position in itertools.count()):
        message, _, signature = raw.rpartition(".")
        greater = int.from_bytes(base64.urlsafe_b64decode(f"{signature}==")) + MODULUS
        if greater < 2**2_048:
            break
    assert error_code(f"{message}.{number(greater)}") == "invalid_signature"


def test_signature_without_its_leading_zero_is_refused() -> None:
    for raw in (sign(access_claims(jti=str(position))) for position in itertools.count()):
        message, _, signature = raw.rpartition(".")
        value = base64.urlsafe_b64decode(f"{signature}==")
        if value[0] == 0:
            break
    assert error_code(f"{message}.{b64(value[1:])}") == "invalid_signature"
    assert make_verifier().verify(raw)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(DIGEST_INFO, bytes(150), id="CVE-2006-4339 zeros after the digest"),
        pytest.param(DIGEST_INFO, b"\xff" * 150, id="CVE-2006-4339 more after the digest"),
        pytest.param(DIGEST_INFO, b"\0", id="one byte after the digest"),
        pytest.param(b"", b"", id="no DigestInfo"),
        pytest.param(bytes.fromhex("302f300b06096086480165030402010420"), b"", id="a DigestInfo without parameters"),
        pytest.param(bytes.fromhex("3021300906052b0e03021a05000414"), b"", id="SHA-1"),
        pytest.param(bytes.fromhex("3051300d060960864801650304020305000440"), b"", id="SHA-512"),
        pytest.param(b"\0" + DIGEST_INFO, b"", id="an extra zero"),
    ],
)
def test_invalid_signature_padding_is_refused(before: bytes, after: bytes) -> None:
    assert error_code(forged_padding(before, after)) == "invalid_signature"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(f"{CLAIMS}.{HEADER_PART}.{SIGNATURE}", id="parts exchanged"),
        pytest.param(f"{HEADER_PART}.{segment(access_claims(username='admin'))}.{SIGNATURE}", id="another user"),
        pytest.param(f"{HEADER_PART}.{segment(access_claims(scope='admin'))}.{SIGNATURE}", id="other claims"),
        pytest.param(
            f"{HEADER_PART}.{b64(json.dumps(access_claims(), indent=1).encode())}.{SIGNATURE}", id="other whitespace"
        ),
        pytest.param(f"{segment({'alg': 'RS256', 'kid': 'one'})}.{CLAIMS}.{SIGNATURE}", id="the header's order"),
        pytest.param(f"{segment({**HEADER, 'typ': 'JWT'})}.{CLAIMS}.{SIGNATURE}", id="an extra header parameter"),
    ],
)
def test_signature_covers_the_exact_bytes(raw: str) -> None:
    verifier = make_verifier()
    assert verifier.verify(GOOD)
    error = refusal(raw, verifier)
    assert (type(error), error.code) == (SignatureError, "invalid_signature")
