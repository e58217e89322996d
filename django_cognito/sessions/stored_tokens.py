"""Encrypt and decrypt the tokens of logins. Must not depend on sessions or on a database.

A login's tokens are decrypted at most once for each instance of its row, thus once per request.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from ..core import AccessToken, IdToken
from ..core.errors import SignInError
from ..core.hosted_ui import TokenSet
from ..core.tokens.jws import decode_jws
from ..core.tracebacks import clear_frame_locals
from ..encryption import DecryptionError, decrypt, encrypt, encrypt_again
from ..models import CognitoLogin


@dataclass(frozen=True)
class OpenedTokens:
    """The tokens of a login, decrypted once, with the ciphertext that they were read from. The repr shows no token."""

    encrypted: bytes = field(repr=False)
    tokens: TokenSet = field(repr=False)
    user_pool_id: str

    @cached_property
    def access_token(self) -> AccessToken:
        """The access token. It was verified before it was stored, and AES-GCM detects any change."""
        return AccessToken(self.user_pool_id, read_claims(self.tokens.access_token))


@clear_frame_locals
def decrypt_tokens(login: CognitoLogin) -> TokenSet:
    """Return the login's tokens, decrypted once for this instance.

    Raises SignInError (code "login_unreadable") if SECRET_KEY changed without a fallback, or the row was changed.
    """
    return _open_tokens(login).tokens


@clear_frame_locals
def get_access_token(login: CognitoLogin) -> AccessToken:
    """Return the login's access token, read once for this instance. Raises SignInError as `decrypt_tokens` does."""
    return _open_tokens(login).access_token


def _open_tokens(login: CognitoLogin) -> OpenedTokens:
    encrypted = bytes(login.tokens)
    opened: OpenedTokens | None = login.opened_tokens
    if opened is not None and opened.encrypted == encrypted:
        return opened
    tokens = None
    with suppress(DecryptionError, ValueError, TypeError):  # cannot be decrypted, not JSON, or other members
        tokens = TokenSet(**json.loads(decrypt(encrypted, associated_data=_associated_data(login.id))))
    if tokens is None:
        # Not chained: a JSONDecodeError holds the plaintext.
        raise SignInError("the login's tokens cannot be decrypted", code="login_unreadable")
    opened = OpenedTokens(encrypted, tokens, login.cognito_user.user_pool_id)
    login.opened_tokens = opened
    return opened


@clear_frame_locals
def read_verified_id_token(user_pool_id: str, raw: str) -> IdToken:
    """Return the ID token of a raw string that was verified when it arrived. Its expiry is not checked again."""
    return IdToken(user_pool_id, read_claims(raw))


def read_claims(raw: str) -> Mapping[str, Any]:
    """Return the claims of a token that was verified when it arrived."""
    return decode_jws(raw, max_bytes=len(raw))[1]


@clear_frame_locals
def set_tokens(login: CognitoLogin, tokens: TokenSet) -> None:
    """Set the login's tokens, encrypted. The row is not saved."""
    login.tokens = encrypt_tokens(login.pk, tokens)
    login.opened_tokens = OpenedTokens(login.tokens, tokens, login.cognito_user.user_pool_id)


@clear_frame_locals
def encrypt_tokens(login_id: UUID, tokens: TokenSet) -> bytes:
    """Return the tokens encrypted for the login's row. They can be decrypted only with the id of that row."""
    # Without an empty device key: workers of an earlier release reject a member that they do not have.
    members = {name: value for name, value in asdict(tokens).items() if value or name != "device_key"}
    return encrypt(json.dumps(members).encode(), associated_data=_associated_data(login_id))


def reencrypt_tokens(login: CognitoLogin) -> bytes | None:
    """Return the tokens of the row encrypted under the current SECRET_KEY.

    None if they are, or if no key decrypts them. No I/O.
    """
    with suppress(DecryptionError):
        return encrypt_again(bytes(login.tokens), associated_data=_associated_data(login.pk))
    return None


def _associated_data(login_id: UUID) -> bytes:
    return f"django_cognito.CognitoLogin:{login_id}".encode()
