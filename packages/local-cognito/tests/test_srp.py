"""The SRP calculations against vectors (computed with pycognito 2024.5.1 and a simulated server)."""

import hashlib
from datetime import UTC, datetime

import pytest
from local_cognito.api import srp

USER_ID = "7b1c2f6e-0000-4a4a-8888-0123456789ab"
SALT = 0x63479AD69A090B258277EC8FBA6F9941
CLIENT_PRIVATE = int.from_bytes(hashlib.sha256(b"client-a").digest() * 4, "big")
SERVER_PRIVATE = int.from_bytes(hashlib.sha256(b"server-b").digest() * 4, "big")
CLIENT_PUBLIC = pow(srp.G, CLIENT_PRIVATE, srp.N)
TIMESTAMP = "Tue Mar 3 07:08:09 UTC 2026"


def exchange(password: str = "Passw0rd!") -> srp.Exchange:
    verifier = srp.compute_verifier("ExAmPlE12", USER_ID, password, SALT)
    return srp.Exchange("ExAmPlE12", USER_ID, SALT, verifier, SERVER_PRIVATE, CLIENT_PUBLIC)


def test_srp_group_matches_the_vector() -> None:
    digest = hashlib.sha256(f"{CLIENT_PUBLIC:x}".encode()).hexdigest()
    assert digest == "7ad5e7d1a067f8e1eaccf4408600b8fcda53c2076a6ccad0125bf581b4461c70"


def test_srp_x_matches_the_vector() -> None:
    x = srp.private_key("ExAmPlE12", USER_ID, "Passw0rd!", SALT)
    assert f"{x:x}" == "9c42312681d0521abef94b211031354a1053ea821b4e73808e168caa3c10895b"


def test_srp_b_matches_the_vector() -> None:
    assert f"{exchange().b_public:x}".startswith("be29b667fd8d175d4cdf1b91be14c6165dc027355a05549c1a735dfd3970a027")


def test_srp_u_matches_the_vector() -> None:
    assert f"{exchange().scrambler:x}" == "c4c5887fd1d943953c5a4fca6d434831c4ab629d0c759314029f97928e88706f"


def test_srp_s_matches_the_vector() -> None:
    assert f"{exchange().premaster:x}".startswith("6e1c033b7f05e9efc7d1ce28af00bd00")


def test_srp_key_matches_the_vector() -> None:
    assert exchange().key.hex() == "35b866a45b7b09bcfdc6f05bdd800852"


def test_srp_proof_matches_the_vector() -> None:
    proof = exchange().proof("c2VjcmV0LWJsb2NrLTAxMjM0NTY3ODk=", TIMESTAMP)
    assert proof == "FiwyqQ7YFnZ4nJJ8TqfJK3e/TXCZrVfgeRl63PE+RAc="


def test_srp_proof_depends_on_the_password() -> None:
    proof = exchange("Passw0rd?").proof("c2VjcmV0LWJsb2NrLTAxMjM0NTY3ODk=", TIMESTAMP)
    assert proof != "FiwyqQ7YFnZ4nJJ8TqfJK3e/TXCZrVfgeRl63PE+RAc="


@pytest.mark.parametrize("number", [0, srp.N, 2 * srp.N])
def test_srp_public_number_that_is_zero_modulo_n_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="not a public number"):
        srp.public_number(f"{number:x}")


def test_too_long_srp_public_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a public number"):
        srp.public_number("f" * 10_000)


@pytest.mark.parametrize(("number", "padded"), [(0x7F, "7f"), (0x80, "0080"), (0x1FF, "01ff"), (0xFFFF, "00ffff")])
def test_padded_integer_is_positive(number: int, padded: str) -> None:
    assert srp.pad_integer(number).hex() == padded


def test_srp_timestamp_has_no_leading_zero_in_the_day() -> None:
    assert srp.format_timestamp(datetime(2026, 3, 3, 7, 8, 9, tzinfo=UTC)) == TIMESTAMP


def test_srp_timestamp_round_trips() -> None:
    assert srp.format_timestamp(srp.parse_timestamp(TIMESTAMP)) == TIMESTAMP


@pytest.mark.parametrize("text", ["", "2026-03-03T07:08:09Z", "Tue Foo 3 07:08:09 UTC 2026", TIMESTAMP + "\n"])
def test_malformed_srp_timestamp_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a timestamp"):
        srp.parse_timestamp(text)


def test_repr_of_srp_exchange_has_no_secret() -> None:
    assert str(SERVER_PRIVATE) not in repr(exchange())
    assert str(exchange().verifier) not in repr(exchange())
