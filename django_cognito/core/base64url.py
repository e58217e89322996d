"""Base64url without padding (RFC 7515 2). Must not depend on what the bytes are."""

import base64


def encode_base64url(raw: bytes) -> str:
    """Return `raw` in base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes:
    """Return the bytes of base64url without padding. Raise ValueError unless `text` is the canonical form."""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode_base64url(raw) != text:
        raise ValueError("not base64url, or not in its canonical form")
    return raw
