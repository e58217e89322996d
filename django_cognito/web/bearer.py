"""The token that a request presents, in a header of TOKEN_SOURCES. Must not verify tokens.

A header that is present is never treated as absent: a token that cannot be read is rejected with the reason.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..conf.loading import get_settings
from ..conf.validators import LOAD_BALANCER_HEADER
from ..core.errors import MalformedTokenError
from ..users.rejected_tokens import report_rejection
from .error_reports import has_header, take_header, take_id_token

# RFC 9110 11.1: a scheme is case-insensitive. The verifier checks the rest of the header.
_BEARER = re.compile(r"(?:^|,)\s*+bearer(?=\s|$)", re.IGNORECASE)
_SPACE = " \t"  # RFC 9110 5.6.3; other white space is part of the token, which is then rejected
_JWS_START = "eyJ"  # `{"` in base64url: how the header of every JWS begins
_QUOTES = "\"'"
# Why a header has no token that can be verified, by error code. No message has a part of the header.
_PROBLEMS = {
    "scheme_missing": "the Authorization header has a token without the scheme Bearer",
    "scheme_repeated": "the header has the scheme Bearer twice",
    "token_missing": "the header has no token",
    "token_quoted": "the token is in quotes",
    "several_tokens": "the header has more than one token, or a token with spaces or commas",
}


class HeaderToken(NamedTuple):
    """The raw token of a header, or the error code of what is wrong with the header."""

    raw: str = ""
    problem: str = ""
    scheme: str = ""  # of an Authorization header with a token and another scheme than Bearer, in lower case
    # Whether a load balancer added the header to a request with its cookie. The browser sends that cookie with
    # requests of other sites too, so that the request needs a CSRF check.
    needs_csrf_check: bool = False


def find_token(request: Any) -> HeaderToken | None:
    """Return the token of the first header of TOKEN_SOURCES that has one; None if none has. No other one is used."""
    if "HTTP_AUTHORIZATION" not in request.META and not has_header(request, LOAD_BALANCER_HEADER):
        return None  # most requests
    for source in get_settings().token_sources:
        token = _READERS[source](request)
        if token is not None:
            return token
    return None


def is_api_client(request: Any) -> bool:
    """Return whether the client itself sent a token; behind a load balancer that adds one, it is a browser."""
    token = find_token(request)
    return token is not None and not token.needs_csrf_check


def read_tokens(request: Any, token: HeaderToken) -> tuple[str, str | None]:
    """Return the raw token and the raw ID token of the header X-Cognito-Id-Token; None without that header.

    Raises MalformedTokenError, whose code is what is wrong with the header.
    """
    raw_id_token = take_id_token(request)
    problem = token.problem or ("" if raw_id_token is None else _find_problem(raw_id_token))
    if problem:
        error = MalformedTokenError(_PROBLEMS[problem], code=problem)
        report_rejection(error)
        raise error
    return token.raw, raw_id_token


def get_vary_headers() -> tuple[str, ...]:
    """Return the headers that determine the user: always all, because a cache uses the last response of a URL."""
    others = [LOAD_BALANCER_HEADER] if LOAD_BALANCER_HEADER in get_settings().token_sources else []
    return "Cookie", "Authorization", *others


def _read_authorization(request: Any) -> HeaderToken | None:
    header: str | None = request.META.get("HTTP_AUTHORIZATION")
    if header is None:
        return None
    if header.startswith("Bearer "):  # the usual form; the pattern would return the same
        return _check_value(header[7:])
    # Every request runs this, and a client may send a long header: the pattern takes 100 times as long as `in`.
    match = _BEARER.search(header) if "bearer" in header.lower() else None
    if match is not None:
        # Servers join two headers by a comma. A token after another header, or after other white space, is rejected:
        # if it were ignored, the session would be used.
        is_first = match[0].strip(_SPACE).lower() == "bearer"
        return _check_value(header[match.end() :]) if is_first else HeaderToken(problem="several_tokens")
    words = header.replace(",", " ").split()
    if not words:
        return HeaderToken(problem="token_missing")
    if _JWS_START in header and any(_is_token(word, is_alone=len(words) == 1) for word in words):
        return HeaderToken(problem="scheme_missing", scheme=words[0].lower() if len(words) > 1 else "")
    return None  # another scheme, such as Basic


def _read_load_balancer_header(request: Any) -> HeaderToken | None:
    header = take_header(request, LOAD_BALANCER_HEADER, leaves_digest=True)
    return None if header is None else _check_value(header)._replace(needs_csrf_check=True)


_READERS: Mapping[str, Callable[[Any], HeaderToken | None]] = {
    "Authorization": _read_authorization,
    LOAD_BALANCER_HEADER: _read_load_balancer_header,
}


def _check_value(value: str) -> HeaderToken:
    value = value.strip(_SPACE)
    return HeaderToken(raw=value, problem=_find_problem(value))


def _find_problem(value: str) -> str:
    """Return the error code if `value` is not one token without anything around it; otherwise an empty string."""
    if not value:
        return "token_missing"
    if value[:6].lower() == "bearer" and value[6:7] in ("", *_SPACE):
        return "scheme_repeated"
    if value[0] in _QUOTES or value[-1] in _QUOTES:
        return "token_quoted"
    # Each request runs this several times: a pattern takes seven times as long for a token of a kilobyte.
    is_one_word = "," not in value and value.split(None, 1) == [value]
    return "" if is_one_word else "several_tokens"


def _is_token(word: str, *, is_alone: bool) -> bool:
    """Return whether a word of the Authorization header is a JWS, perhaps in quotes or after `Bearer:`.

    A word without a dot may be base64 of another scheme, unless it is alone.
    """
    word = word.lstrip(_QUOTES)
    if word[:6].lower() == "bearer":
        word = word[6:].lstrip(f":={_QUOTES}")
    return word.startswith(_JWS_START) and (is_alone or "." in word)
