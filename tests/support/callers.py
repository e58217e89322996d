"""Callers of a test: a token in the Authorization header, or a login with expired tokens."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from cryptography.hazmat.primitives.asymmetric import rsa

from django_cognito.core.clock import utc_now
from django_cognito.models import CognitoLogin
from django_cognito.testing import make_token

_id_token = partial(make_token, token_use="id")
# ID tokens that are rejected beside alice's access token in X-Cognito-Id-Token, and the error codes.
BAD_ID_TOKENS: dict[str, tuple[Callable[[], str], str]] = {
    "another user's": (lambda: _id_token(username="bob"), "token_mismatch"),
    "another user's, of the same sign-in": (lambda: _id_token(sub="another-sub"), "token_mismatch"),
    "another client's": (lambda: _id_token(aud="another"), "wrong_client"),
    "another sign-in's": (lambda: _id_token(origin_jti="another"), "token_mismatch"),
    "without a sign-in": (lambda: _id_token(origin_jti=None), "token_mismatch"),
    "another pool's": (
        lambda: _id_token(iss="https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other"),
        "wrong_issuer",
    ),
    "another access token's": (lambda: _id_token(at_hash="AAAAAAAAAAAAAAAAAAAAAA"), "at_hash_mismatch"),
    "expired": (lambda: _id_token(exp=int(time.time()) - 60), "token_expired"),
    "signed by another key": (lambda: _id_token(key=rsa.generate_private_key(65_537, 2_048)), "invalid_signature"),
    "an access token": (make_token, "wrong_token_use"),
    "empty": (str, "malformed_token"),
    "no token": (lambda: "no token", "malformed_token"),
    "two of them": (
        lambda: f"{_id_token()}, {_id_token()}",
        "refresh_token",
    ),  # it has five parts, as a refresh token has
}
# `authenticate` is tested with all of them, each entry point with these.
SOME_BAD_ID_TOKENS: dict[str, tuple[Callable[[], str], str]] = {
    **{name: BAD_ID_TOKENS[name] for name in ("another user's", "another sign-in's", "expired")},
    # Entry points reject these before a token is verified, because of the header.
    "empty": (BAD_ID_TOKENS["empty"][0], "token_missing"),
    "two of them": (BAD_ID_TOKENS["two of them"][0], "several_tokens"),
    "with the scheme": (lambda: f"Bearer {_id_token()}", "scheme_repeated"),
}


def with_id_token(raw: str, id_token: str) -> dict[str, str]:
    """Return the headers of a request with the token `raw` and an ID token."""
    return {**bearer(raw), "x-cognito-id-token": id_token}


def bearer(raw: str) -> dict[str, str]:
    """Return the headers of a request with the token `raw`: `client.get(url, headers=bearer(raw))`."""
    return {"authorization": f"Bearer {raw}"}


def end_tokens() -> None:
    """Let the access token of every stored login expire; only a refresh returns new ones."""
    CognitoLogin.objects.update(expires_at=utc_now() - timedelta(seconds=1))
