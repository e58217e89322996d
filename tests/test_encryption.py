"""Secrets at rest: opened by the key that closed them, for the row they were closed for, and by nothing else."""

import pytest
from django.test import override_settings

from django_cognito.encryption import DecryptionError, decrypt, encrypt

ROW = b"row 1"
SECRET = b"a refresh token \x00\xff"


def test_what_was_encrypted_can_be_decrypted() -> None:
    assert decrypt(encrypt(SECRET, associated_data=ROW), associated_data=ROW) == SECRET


def test_nothing_of_it_shows_and_no_two_look_alike() -> None:
    first, second = (encrypt(SECRET, associated_data=ROW) for _ in range(2))
    assert first != second
    assert b"refresh" not in first
    assert first[:12] != second[:12]


def test_an_empty_secret_is_a_secret_too() -> None:
    assert decrypt(encrypt(b"", associated_data=ROW), associated_data=ROW) == b""


def test_another_rows_bytes_are_refused() -> None:
    with pytest.raises(DecryptionError):
        decrypt(encrypt(SECRET, associated_data=ROW), associated_data=b"row 2")


@pytest.mark.parametrize("position", [0, 11, 12, 20, -1])
def test_a_changed_byte_is_noticed(position) -> None:
    sealed = bytearray(encrypt(SECRET, associated_data=ROW))
    sealed[position] ^= 1
    with pytest.raises(DecryptionError):
        decrypt(bytes(sealed), associated_data=ROW)


@pytest.mark.parametrize("sealed", [b"", b"short", b"x" * 12, b"x" * 27, b"x" * 100])
def test_bytes_that_are_not_ours_are_refused(sealed) -> None:
    with pytest.raises(DecryptionError):
        decrypt(sealed, associated_data=ROW)


@override_settings(SECRET_KEY="old")
def test_an_old_key_among_the_fallbacks_still_opens() -> None:
    sealed = encrypt(SECRET, associated_data=ROW)
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["older", "old"]):
        assert decrypt(sealed, associated_data=ROW) == SECRET


@override_settings(SECRET_KEY="old")
def test_a_key_that_is_gone_opens_nothing_and_the_refusal_says_nothing_secret() -> None:
    sealed = encrypt(SECRET, associated_data=ROW)
    with override_settings(SECRET_KEY="new"), pytest.raises(DecryptionError) as raised:
        decrypt(sealed, associated_data=ROW)
    assert "new" not in str(raised.value)


def test_what_is_encrypted_now_is_under_the_current_key() -> None:
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"]):
        sealed = encrypt(SECRET, associated_data=ROW)
    with override_settings(SECRET_KEY="old"), pytest.raises(DecryptionError):
        decrypt(sealed, associated_data=ROW)


@override_settings(SECRET_KEY="as text")
def test_a_key_in_bytes_is_the_same_key() -> None:
    sealed = encrypt(SECRET, associated_data=ROW)
    with override_settings(SECRET_KEY=b"as text"):
        assert decrypt(sealed, associated_data=ROW) == SECRET
