"""Encrypted secrets: only the same key and the same row decrypt them."""

import pytest
from django.test import override_settings

from django_cognito.encryption import DecryptionError, decrypt, encrypt

ROW = b"row 1"
SECRET = b"a refresh token \x00\xff"


def test_encrypted_secret_can_be_decrypted() -> None:
    assert decrypt(encrypt(SECRET, associated_data=ROW), associated_data=ROW) == SECRET


def test_ciphertext_is_different_each_time_and_hides_the_secret() -> None:
    first, second = (encrypt(SECRET, associated_data=ROW) for _ in range(2))
    assert first != second
    assert b"refresh" not in first
    assert first[:12] != second[:12]


def test_empty_secret_can_be_encrypted() -> None:
    assert decrypt(encrypt(b"", associated_data=ROW), associated_data=ROW) == b""


def test_ciphertext_of_another_row_is_refused() -> None:
    with pytest.raises(DecryptionError):
        decrypt(encrypt(SECRET, associated_data=ROW), associated_data=b"row 2")


@pytest.mark.parametrize("position", [0, 11, 12, 20, -1])
def test_changed_ciphertext_is_refused(position) -> None:
    sealed = bytearray(encrypt(SECRET, associated_data=ROW))
    sealed[position] ^= 1
    with pytest.raises(DecryptionError):
        decrypt(bytes(sealed), associated_data=ROW)


@pytest.mark.parametrize("sealed", [b"", b"short", b"x" * 12, b"x" * 27, b"x" * 100])
def test_bytes_that_are_no_ciphertext_are_refused(sealed) -> None:
    with pytest.raises(DecryptionError):
        decrypt(sealed, associated_data=ROW)


@override_settings(SECRET_KEY="old")
def test_secret_key_fallbacks_decrypt() -> None:
    sealed = encrypt(SECRET, associated_data=ROW)
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["older", "old"]):
        assert decrypt(sealed, associated_data=ROW) == SECRET


@override_settings(SECRET_KEY="old")
def test_removed_key_is_refused_without_a_key_in_the_message() -> None:
    sealed = encrypt(SECRET, associated_data=ROW)
    with override_settings(SECRET_KEY="new"), pytest.raises(DecryptionError) as raised:
        decrypt(sealed, associated_data=ROW)
    assert "new" not in str(raised.value)


def test_encryption_uses_the_current_secret_key() -> None:
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"]):
        sealed = encrypt(SECRET, associated_data=ROW)
    with override_settings(SECRET_KEY="old"), pytest.raises(DecryptionError):
        decrypt(sealed, associated_data=ROW)


@override_settings(SECRET_KEY="as text")
def test_secret_key_as_bytes_is_the_same_key() -> None:
    sealed = encrypt(SECRET, associated_data=ROW)
    with override_settings(SECRET_KEY=b"as text"):
        assert decrypt(sealed, associated_data=ROW) == SECRET
