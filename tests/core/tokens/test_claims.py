"""Claims judged without a token: which are refused, in which order, and what the refusal says."""

from itertools import combinations
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

from .forging import NOW, POOL, access, identity

API = "https://api.example.com"
BOUND = UserPool(POOL.user_pool_id, client_ids=POOL.client_ids, resource=API)
ANY = Expected(POOL, ("access", "id"), POOL.client_ids, 10)
MACHINE = access(username=..., sub="1webclient")
NO_NAME = "missing, or not a string of reasonable length"
NOT_BOUND = "bound to another API, or to none"


def refusal(claims: dict[str, Any], now: float = NOW, **expected: Any) -> ClaimError:
    """The error with which `claims` are refused."""
    with pytest.raises(ClaimError) as caught:
        verify_claims(claims, ANY._replace(**expected), now)
    return caught.value


# What is said


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        pytest.param(
            access(iss="x"),
            IssuerError("not issued by this pool", claim="iss", actual="x", expected=POOL.issuers),
            id="issuer",
        ),
        pytest.param(
            access(token_use="x"),
            TokenUseError("wrong token type", claim="token_use", actual="x", expected=("access", "id")),
            id="use",
        ),
        pytest.param(
            access(client_id="x"),
            ClientError(
                "issued to an app client that is not accepted", claim="client_id", actual="x", expected=POOL.client_ids
            ),
            id="client",
        ),
        pytest.param(
            identity(aud="x"),
            ClientError(
                "issued to an app client that is not accepted", claim="aud", actual="x", expected=POOL.client_ids
            ),
            id="client of an ID token",
        ),
        pytest.param(access(client_id=["x"]), ClaimError(NO_NAME, claim="client_id", actual=["x"]), id="no client"),
        pytest.param(identity(aud=5), ClaimError(NO_NAME, claim="aud", actual=5), id="no client of an ID token"),
        pytest.param(
            access(exp=NOW - 10),
            ExpiredTokenError("the token has expired", claim="exp", actual=NOW - 10, expected=NOW),
            id="over",
        ),
        *(
            pytest.param(
                access(**{name: NOW + 11}),
                ImmatureTokenError("the token is not valid yet", claim=name, actual=NOW + 11, expected=NOW),
                id=f"not yet: {name}",
            )
            for name in ("iat", "nbf", "auth_time")
        ),
        pytest.param(access(exp="x"), ClaimError("missing, or not a number", claim="exp", actual="x"), id="no number"),
        pytest.param(
            access(iat=NOW + 0.5),
            ClaimError("not a moment in whole seconds", claim="iat", actual=NOW + 0.5),
            id="no whole second",
        ),
        pytest.param(access(sub=5), ClaimError(NO_NAME, claim="sub", actual=5), id="no sub"),
        pytest.param(access(username=5), ClaimError(NO_NAME, claim="username", actual=5), id="no username"),
        pytest.param(
            identity(**{"cognito:username": 5}),
            ClaimError(NO_NAME, claim="cognito:username", actual=5),
            id="no username in an ID token",
        ),
        pytest.param(
            access(**{"cognito:groups": "x"}),
            ClaimError("not a list of names", claim="cognito:groups", actual="x"),
            id="groups",
        ),
        pytest.param(access(scope=5), ClaimError("not a string", claim="scope", actual=5), id="scope"),
        pytest.param(access(jti=5), ClaimError("not a string", claim="jti", actual=5), id="jti"),
    ],
)
def test_a_refusal_says_which_claim_what_it_is_and_what_was_due(claims: dict[str, Any], error: ClaimError) -> None:
    assert_same(refusal(claims), error)


def test_where_one_use_is_due_it_is_named_alone() -> None:
    error = TokenUseError("wrong token type", claim="token_use", actual="id", expected="access")
    assert_same(refusal(identity(), token_uses=("access",)), error)


def test_a_nonce_is_not_repeated() -> None:
    error = ClaimError("nonce does not match this sign-in", claim="nonce", code="nonce_mismatch")
    assert_same(refusal(identity(nonce="another"), nonce="sent"), error)


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
def test_the_first_claim_that_is_wrong_is_named(position: int) -> None:
    wrong = {name: value for _, change in IN_ORDER[position:] for name, value in change.items()}
    assert refusal(access(aud=API, nonce="sent") | wrong, pool=BOUND, nonce="sent").claim == IN_ORDER[position][0]


# What holds, and for how long


@pytest.mark.parametrize(
    ("claims", "starts_at"),
    [
        (access(), NOW - 50),
        (access(auth_time=...), NOW - 50),
        (access(nbf=NOW - 20), NOW - 20),
        (access(auth_time=NOW - 30), NOW - 30),
        (access(nbf=NOW - 20.0), NOW - 20),
        (access(iat=NOW - 50.0, auth_time=NOW - 40, nbf=NOW - 45.0), NOW - 40),
        (access(iat=1.0, auth_time=...), 1),
        (access(iat=1, auth_time=...), 1),
    ],
)
def test_what_holds_is_said_to_hold_from_its_latest_beginning_to_its_end(
    claims: dict[str, Any], starts_at: float
) -> None:
    assert verify_claims(claims, ANY, NOW) == (starts_at, NOW + 3_550)


@pytest.mark.parametrize("end", [253_402_300_799, 253_402_300_799.0])
def test_a_token_may_end_with_the_calendar(end: float) -> None:
    assert verify_claims(access(exp=end), ANY, NOW)[1] == end
    assert refusal(access(exp=end + 1)).claim == "exp"


@pytest.mark.parametrize("name", ["iat", "nbf", "auth_time"])
@pytest.mark.parametrize("moment", [0, -1, 253_402_300_800, 253_402_300_801, 0.0, True])
def test_no_beginning_is_beyond_the_calendar(name: str, moment: float) -> None:
    error = refusal(access(**{"nbf": NOW - 20, name: moment}))
    assert (type(error), error.claim) == (ClaimError, name)


MOMENTS = {"exp": NOW + 3_550, "iat": NOW - 50, "nbf": NOW - 20, "auth_time": NOW - 100}


@pytest.mark.parametrize("names", [names for count in (1, 2, 3, 4) for names in combinations(MOMENTS, count)])
def test_no_fraction_of_a_second_is_taken_alone_or_beside_others(names: tuple[str, ...]) -> None:
    error = refusal(access(**{**MOMENTS, **{name: MOMENTS[name] + 0.5 for name in names}}))
    assert (type(error), error.claim) == (ClaimError, names[0])


@pytest.mark.parametrize("claim", ["sub", "username", "client_id"])
def test_a_name_has_one_to_255_characters(claim: str) -> None:
    clients = ("1webclient", "x", "x" * 255, "x" * 256)
    for name in ("x", "x" * 255):
        assert verify_claims(access(**{claim: name}), ANY._replace(client_ids=clients), NOW)
    assert refusal(access(**{claim: "x" * 256}), client_ids=("1webclient",)).args == (NO_NAME,)


def test_a_client_that_could_be_one_is_told_from_what_could_not() -> None:
    assert type(refusal(access(client_id="x" * 255))) is ClientError
    assert type(refusal(access(client_id="x" * 256))) is ClaimError


@pytest.mark.parametrize(
    ("claims", "client_ids", "client"),
    [
        (access(), ("2appclient", "1webclient"), "1webclient"),
        (identity(), ("2appclient", "1webclient"), "1webclient"),
        (access(client_id="3other"), POOL.client_ids, ""),
        ({}, POOL.client_ids, ""),
        (access(client_id=["1webclient"]), POOL.client_ids, ""),
        (access(), (), ""),
    ],
)
def test_the_accepted_client_that_claims_name_can_be_told(
    claims: dict[str, Any], client_ids: tuple[str, ...], client: str
) -> None:
    assert find_accepted_client(claims, client_ids) == client


# Resource: RFC 8707, and what Cognito binds


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param(access(aud=API), id="bound to this API"),
        pytest.param(MACHINE, id="a machine's, which Cognito binds to none"),
        pytest.param({**MACHINE, "aud": API}, id="a machine's, bound to this API"),
        pytest.param(identity(), id="an ID token, whose audience is its client"),
    ],
)
def test_a_token_for_this_api_is_accepted(claims: dict[str, Any]) -> None:
    assert verify_claims(claims, ANY._replace(pool=BOUND), NOW)


@pytest.mark.parametrize(
    ("claims", "actual"),
    [
        pytest.param(access(), None, id="bound to none"),
        pytest.param(access(aud=""), "", id="bound to nothing"),
        pytest.param(access(aud="https://other.example.com"), "https://other.example.com", id="bound to another"),
        pytest.param(access(aud="1webclient"), "1webclient", id="the client"),
        pytest.param(access(aud=[API]), [API], id="in a list"),
        pytest.param(access(sub="1webclient"), None, id="a person that is called as its client"),
        pytest.param({**MACHINE, "aud": "x"}, "x", id="a machine's, bound to another"),
        pytest.param({**MACHINE, "aud": None}, None, id="a machine's, bound to null"),
    ],
)
def test_a_token_for_another_api_or_for_none_is_refused(claims: dict[str, Any], actual: Any) -> None:
    error = ClaimError(NOT_BOUND, claim="aud", actual=actual, expected=API, code="wrong_resource")
    assert_same(refusal(claims, pool=BOUND), error)


@pytest.mark.parametrize("claims", [access(aud="https://other.example.com"), {**MACHINE, "aud": "x"}, access()])
def test_where_no_api_is_named_any_audience_will_do(claims: dict[str, Any]) -> None:
    assert verify_claims(claims, ANY, NOW)
