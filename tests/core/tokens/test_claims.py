"""Claim verification without a token: which claims are refused, in which order, and with which error."""

from typing import Any

import pytest

from django_cognito.core import UserPool
from django_cognito.core.errors import (
    ClaimError,
    ClientError,
    ExpiredTokenError,
    ImmatureTokenError,
    IssuerError,
    TokenUseError,
)
from django_cognito.core.tokens.claims import Expected, find_accepted_client, verify_claims

from .forging import NOW, POOL, access_claims, id_claims

API = "https://api.example.com"
BOUND = UserPool(POOL.user_pool_id, client_ids=POOL.client_ids, resource=API)
ANY = Expected(POOL, ("access", "id"), POOL.client_ids, 10)
NOT_A_NAME = "missing, or not a string of reasonable length"


def refusal(claims: dict[str, Any], now: float = NOW, **expected: Any) -> ClaimError:
    """Return the error that refuses `claims`."""
    with pytest.raises(ClaimError) as caught:
        verify_claims(claims, ANY._replace(**expected), now)
    return caught.value


# Errors


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        pytest.param(
            access_claims(iss="x"),
            IssuerError("not issued by this pool", claim="iss", actual="x", expected=POOL.issuers),
            id="issuer",
        ),
        pytest.param(
            access_claims(token_use="x"),
            TokenUseError("wrong token type", claim="token_use", actual="x", expected=("access", "id")),
            id="use",
        ),
        pytest.param(
            access_claims(client_id="x"),
            ClientError(
                "issued to an app client that is not accepted", claim="client_id", actual="x", expected=POOL.client_ids
            ),
            id="client",
        ),
        pytest.param(
            id_claims(aud="x"),
            ClientError(
                "issued to an app client that is not accepted", claim="aud", actual="x", expected=POOL.client_ids
            ),
            id="client of an ID token",
        ),
        pytest.param(
            access_claims(client_id=["x"]), ClaimError(NOT_A_NAME, claim="client_id", actual=["x"]), id="no client"
        ),
        pytest.param(id_claims(aud=5), ClaimError(NOT_A_NAME, claim="aud", actual=5), id="no client of an ID token"),
        pytest.param(
            access_claims(exp=NOW - 10),
            ExpiredTokenError("the token has expired", claim="exp", actual=NOW - 10, expected=NOW),
            id="expired",
        ),
        *(
            pytest.param(
                access_claims(**{name: NOW + 11}),
                ImmatureTokenError("the token is not valid yet", claim=name, actual=NOW + 11, expected=NOW),
                id=f"not yet valid: {name}",
            )
            for name in ("iat", "nbf", "auth_time")
        ),
        pytest.param(
            access_claims(exp="x"), ClaimError("missing, or not a number", claim="exp", actual="x"), id="not a number"
        ),
        pytest.param(
            access_claims(iat=NOW + 0.5),
            ClaimError("not a moment in whole seconds", claim="iat", actual=NOW + 0.5),
            id="not a whole second",
        ),
        pytest.param(access_claims(sub=5), ClaimError(NOT_A_NAME, claim="sub", actual=5), id="no sub"),
        pytest.param(access_claims(username=5), ClaimError(NOT_A_NAME, claim="username", actual=5), id="no username"),
        pytest.param(
            id_claims(**{"cognito:username": 5}),
            ClaimError(NOT_A_NAME, claim="cognito:username", actual=5),
            id="no username in an ID token",
        ),
        pytest.param(
            access_claims(**{"cognito:groups": "x"}),
            ClaimError("not a list of names", claim="cognito:groups", actual="x"),
            id="groups",
        ),
        pytest.param(access_claims(scope=5), ClaimError("not a string", claim="scope", actual=5), id="scope"),
        pytest.param(access_claims(jti=5), ClaimError("not a string", claim="jti", actual=5), id="jti"),
    ],
)
def test_refusal_has_claim_actual_and_expected_value(claims: dict[str, Any], error: ClaimError) -> None:
    assert_same(refusal(claims), error)


def test_single_expected_token_use_is_named() -> None:
    error = TokenUseError("wrong token type", claim="token_use", actual="id", expected="access")
    assert_same(refusal(id_claims(), token_uses=("access",)), error)


def test_nonce_error_does_not_contain_the_nonce() -> None:
    error = ClaimError("nonce does not match this sign-in", claim="nonce", code="nonce_mismatch")
    assert_same(refusal(id_claims(nonce="another"), nonce="sent"), error)


def test_resource_error_has_the_expected_resource() -> None:
    message = "bound to another API, or to none"
    error = ClaimError(message, claim="aud", actual="x", expected=API, code="wrong_resource")
    assert_same(refusal(access_claims(aud="x"), pool=BOUND), error)


def assert_same(error: ClaimError, other: ClaimError) -> None:
    assert type(error) is type(other)
    assert (error.args, error.code) == (other.args, other.code)
    assert (error.claim, error.actual, error.expected) == (other.claim, other.actual, other.expected)


IN_ORDER: list[tuple[str, dict[str, Any]]] = [
    ("iss", {"iss": "x"}),
    ("token_use", {"token_use": "x"}),
    ("client_id", {"client_id": "x"}),
    ("exp", {"exp": 1}),
    ("iat", {"iat": NOW + 60}),
    ("sub", {"sub": ""}),
    ("username", {"username": ""}),
    ("cognito:groups", {"cognito:groups": ""}),
    ("scope", {"scope": None}),
    ("jti", {"jti": None}),
    ("aud", {"aud": "x"}),
    ("nonce", {"nonce": "x"}),
]


@pytest.mark.parametrize("position", range(len(IN_ORDER)), ids=[claim for claim, _ in IN_ORDER])
def test_first_invalid_claim_is_named(position: int) -> None:
    wrong = {name: value for _, change in IN_ORDER[position:] for name, value in change.items()}
    assert (
        refusal(access_claims(aud=API, nonce="sent") | wrong, pool=BOUND, nonce="sent").claim == IN_ORDER[position][0]
    )


# Validity period


@pytest.mark.parametrize(
    ("claims", "starts_at"),
    [
        (access_claims(), NOW - 50),
        (access_claims(auth_time=...), NOW - 50),
        (access_claims(nbf=NOW - 20), NOW - 20),
        (access_claims(auth_time=NOW - 30), NOW - 30),
        (access_claims(nbf=NOW - 20.0), NOW - 20),
        (access_claims(iat=NOW - 50.0, auth_time=NOW - 40, nbf=NOW - 45.0), NOW - 40),
        (access_claims(iat=1.0, auth_time=...), 1),
        (access_claims(iat=1, auth_time=...), 1),
    ],
)
def test_validity_starts_at_the_latest_time_claim(claims: dict[str, Any], starts_at: float) -> None:
    assert verify_claims(claims, ANY, NOW) == (starts_at, NOW + 3_550)


@pytest.mark.parametrize("claim", ["sub", "username", "client_id"])
def test_name_has_one_to_255_characters(claim: str) -> None:
    clients = ("1webclient", "x", "x" * 255, "x" * 256)
    for name in ("x", "x" * 255):
        assert verify_claims(access_claims(**{claim: name}), ANY._replace(client_ids=clients), NOW)
    assert refusal(access_claims(**{claim: "x" * 256}), client_ids=("1webclient",)).args == (NOT_A_NAME,)


def test_client_id_that_is_too_long_is_a_claim_error() -> None:
    assert type(refusal(access_claims(client_id="x" * 255))) is ClientError
    assert type(refusal(access_claims(client_id="x" * 256))) is ClaimError


@pytest.mark.parametrize(
    ("claims", "client_ids", "client"),
    [
        (access_claims(), ("2appclient", "1webclient"), "1webclient"),
        (id_claims(), ("2appclient", "1webclient"), "1webclient"),
        (access_claims(client_id="3other"), POOL.client_ids, ""),
        ({}, POOL.client_ids, ""),
        (access_claims(client_id=["1webclient"]), POOL.client_ids, ""),
        (access_claims(), (), ""),
    ],
)
def test_find_accepted_client_returns_the_client_id(
    claims: dict[str, Any], client_ids: tuple[str, ...], client: str
) -> None:
    assert find_accepted_client(claims, client_ids) == client
