"""The raw bearer token of a request's `Authorization` header. Verifies nothing."""

import re
from typing import Any

# RFC 9110 11.1: a scheme is case-insensitive. What follows is for the verifier to judge.
_BEARER = re.compile(r"(?:^|,)\s*+bearer(?=\s|$)", re.IGNORECASE)
_SPACE = " \t"  # RFC 9110 5.6.3; whatever else is a space to Python is part of a token, which it makes a bad one


def bearer_token(request: Any) -> str | None:
    """Return the raw token of an `Authorization: Bearer` header; an empty string if it has none, None without one."""
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    if header.startswith("Bearer "):  # as clients write it; the pattern would find the same
        return header[7:].strip(_SPACE)
    # Anybody may send a long header, and every request is asked: the pattern takes a hundred times as long as `in`.
    found = _BEARER.search(header) if "bearer" in header.lower() else None
    if found is None:
        return None
    # Servers join two headers by a comma. A token after another header, or after what is not a space, is rejected:
    # ignored, it would leave the request to the session.
    is_first = found[0].strip(_SPACE).lower() == "bearer"
    return header[found.end() if is_first else found.start() :].strip(_SPACE)
