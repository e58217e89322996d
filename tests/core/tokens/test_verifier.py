"""The verifier: its options, its pools and its keys; `test_vectors.py` has the tokens that it accepts and refuses."""

import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito.core import AccessToken, ClientToken, IdToken, TokenVerifier, UserPool
from django_cognito.core.errors import (
    ClaimError,
    ClientError,
    CognitoUnavailableError,
    ExpiredTokenError,
    ImmatureTokenError,
    IssuerError,
    MalformedTokenError,
    SignatureError,
    TokenError,
    TokenUseError,
)
from django_cognito.core.tokens.claims import Expected, verify_claims
from django_cognito.core.tokens.key_store import KeyStores
from tests.support.signing import b64, jwks, sign

from .forging import needs_fetch

NOW = 1_800_000_000
POOL = UserPool("eu-west-1_AbCdEfGhI", client_ids=("1webclient", "2appclient"))
OTHER_POOL = UserPool("us-east-1_ZyXwVuTsR", client_ids=("9otherclient",))
SUB = "a1b2c3d4-5678-90ab-cdef-1234567890ab"

# Claims as in cognito-facts 2.2 to 2.4, which follow the AWS developer guide.
ACCESS: dict[str, Any] = {
    "sub": SUB,
    "cognito:groups": ["testers", "editors"],
    "iss": POOL.issuers[0],
    "version": 2,
    "client_id": "1webclient",
    "origin_jti": "o",
    "event_id": "e",
    "token_use": "access",
    "scope": "openid orders/read",
    "auth_time": NOW - 100,
    "iat": NOW - 50,
    "exp": NOW + 3_550,
    "jti": "j",
    "username": "my-test-user",
}
ID: dict[str, Any] = {
    "sub": SUB,
    "iss": POOL.issuers[0],
    "aud": "1webclient",
    "token_use": "id",
    "auth_time": NOW - 100,
    "iat": NOW - 50,
    "exp": NOW + 3_550,
    "nonce": "n-0S6_WzA2Mj",
    "cognito:username": "my-test-user",
    "email": "my-test-user@example.com",
    "email_verified": True,
}
CLIENT_TOKEN: dict[str, Any] = {
    "sub": "1webclient",
    "client_id": "1webclient",
    "token_use": "access",
    "scope": "api/read api/write",
    "iss": POOL.issuers[0],
    "iat": NOW - 50,
    "exp": NOW + 3_550,
}


def make_verifier(pools: UserPool | list[UserPool] = POOL, **settings: Any) -> TokenVerifier:
    """Return a verifier of `pools` at NOW, with the key "one" pinned for each."""
    verifier = TokenVerifier(pools, now=settings.pop("now", lambda: NOW), **settings)
    for pool in verifier.pools:
        verifier.load_jwks(pool, jwks("one"))
    return verifier


def changed(claims: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return `claims` with changes. A claim changed to `...` is omitted."""
    return {name: value for name, value in {**claims, **changes}.items() if value is not ...}


def refusal(raw: Any, verifier: TokenVerifier | None = None, **expected: Any) -> TokenError:
    with pytest.raises(TokenError) as caught:
        (verifier or make_verifier()).verify(raw, **expected)
    return caught.value


# Valid tokens


def test_access_token_is_accepted() -> None:
    token = make_verifier().verify(sign(ACCESS))
    assert isinstance(token, AccessToken)
    assert (token.sub, token.username, token.user_pool_id) == (SUB, "my-test-user", "eu-west-1_AbCdEfGhI")
    assert (token.groups, token.scopes) == (("testers", "editors"), {"openid", "orders/read"})
    assert (token.client_id, token.issuer) == ("1webclient", POOL.issuers[0])


def test_id_token_is_accepted() -> None:
    token = make_verifier().verify(sign(ID), token_use="id", client_ids=("1webclient",), nonce="n-0S6_WzA2Mj")
    assert isinstance(token, IdToken)
    assert (token.client_id, token.username, token.email) == ("1webclient", "my-test-user", "my-test-user@example.com")


def test_client_token_is_accepted() -> None:
    token = make_verifier().verify(sign(CLIENT_TOKEN))
    assert isinstance(token, ClientToken)
    assert (token.username, token.scopes) == ("1webclient", {"api/read", "api/write"})


# Structure


@pytest.mark.parametrize("raw", [None, 5, 1.5, b"a.b.c", sign(ACCESS).encode(), [], {}, object(), True, ...])
def test_token_that_is_not_a_string_is_malformed(raw: Any) -> None:
    assert type(refusal(raw)) is MalformedTokenError


HEADER, CLAIMS, SIGNATURE = sign(ACCESS).split(".")


def test_token_longer_than_max_bytes_is_refused() -> None:
    raw = sign(changed(ACCESS, extra="x" * 12_000))
    assert make_verifier(max_bytes=len(raw)).verify(raw).sub == SUB
    assert str(refusal(raw, make_verifier(max_bytes=len(raw) - 1))) == f"longer than {len(raw) - 1} bytes"


def test_malformed_token_error_shows_nothing_of_the_token() -> None:
    truncated = b64(b'{"secret-claim"')
    error = refusal(f"{HEADER}.{truncated}.{SIGNATURE}")
    assert "secret-claim" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


# Header and signature


def test_signature_is_verified_before_the_claims() -> None:
    raw = sign(changed(ACCESS, exp=1), header={"kid": "one", "alg": "RS256"}, key="two")
    assert type(refusal(raw)) is SignatureError


@pytest.mark.parametrize(
    ("raw", "client_id"),
    [
        pytest.param(f"{HEADER}.{CLAIMS}.{b64(bytes(256))}", "1webclient", id="invalid signature"),
        pytest.param(sign(changed(ACCESS, exp=NOW - 60)), "1webclient", id="expired"),
        pytest.param(sign(changed(ACCESS, client_id="9otherclient")), "", id="another client"),
    ],
)
def test_refusal_has_the_pool_and_the_accepted_client(raw: str, client_id: str) -> None:
    error = refusal(raw)
    assert (error.user_pool_id, error.client_id) == (POOL.user_pool_id, client_id)


# Pools


def test_kid_of_another_pool_is_unknown() -> None:
    verifier = make_verifier([POOL, OTHER_POOL])
    verifier.load_jwks(OTHER_POOL, jwks("two"))
    other_claims = changed(ACCESS, iss=OTHER_POOL.issuers[0], client_id="9otherclient")
    assert verifier.verify(sign(other_claims, key="two")).user_pool_id == OTHER_POOL.user_pool_id
    assert refusal(sign(other_claims, key="one"), verifier).code == "unknown_key"


def test_other_issuer_form_is_refused_with_a_hint() -> None:
    other = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI"
    error = refusal(sign(changed(ACCESS, iss=other)))
    assert type(error) is IssuerError
    assert f"add '{other}' to ISSUER" in str(error)


# Claims


@pytest.mark.parametrize(
    ("client_ids", "accepted"),
    [(("1webclient",), True), ({"1webclient"}, True), (("2appclient",), False), ((), False)],
)
@pytest.mark.parametrize(("claims", "token_use"), [(ACCESS, "access"), (ID, "id"), (CLIENT_TOKEN, "access")])
def test_accepted_clients_may_be_any_collection(
    claims: dict[str, Any], token_use: Any, client_ids: Any, accepted: bool
) -> None:
    if accepted:
        assert make_verifier().verify(sign(claims), token_use=token_use, client_ids=client_ids)
    else:
        assert refusal(sign(claims), token_use=token_use, client_ids=client_ids).code == "wrong_client"


def test_claim_error_of_a_signed_token_has_the_expected_value() -> None:
    error = refusal(sign(changed(ACCESS, client_id="9otherclient")))
    assert isinstance(error, ClientError)
    assert (error.claim, error.actual, error.expected) == ("client_id", "9otherclient", ("1webclient", "2appclient"))
    assert "'9otherclient'" in str(error)


def test_at_hash_must_match_the_access_token() -> None:
    access_token = sign(ACCESS)
    at_hash = b64(hashlib.sha256(access_token.encode()).digest()[:16])
    id_token = sign(changed(ID, at_hash=at_hash))
    assert make_verifier().verify(id_token, token_use="id", access_token=access_token)
    assert make_verifier().verify(id_token, token_use="id")
    assert make_verifier().verify(sign(ID), token_use="id", access_token=access_token)
    for other in (access_token + "x", "", "\ud800"):
        assert refusal(id_token, token_use="id", access_token=other).code == "at_hash_mismatch"


def test_claims_can_be_verified_without_a_token() -> None:
    assert verify_claims(ACCESS, Expected(POOL, ("access",), ("1webclient",), 0), NOW) == (NOW - 50, NOW + 3_550)
    with pytest.raises(IssuerError, match="not issued by this pool"):
        verify_claims(ACCESS, Expected(OTHER_POOL, ("access", "id"), (), 0), NOW)


# Options


@pytest.mark.parametrize(
    ("pools", "settings", "message"),
    [
        ([], {}, "needs a user pool"),
        (UserPool("eu-west-1_AbCdEfGhI"), {}, "client_ids="),
        ([POOL, UserPool("us-east-1_ZyXwVuTsR")], {}, "client_ids="),
        ([POOL, UserPool("us-east-1_ZyXwVuTsR", client_ids="x", issuer=POOL.issuers)], {}, "two pools"),
        (POOL, {"leeway_seconds": 61}, "leeway"),
        (POOL, {"leeway_seconds": -1}, "leeway"),
        (POOL, {"leeway_seconds": float("nan")}, "leeway"),
        (POOL, {"token_use": "refresh"}, "token_use"),
    ],
)
def test_invalid_verifier_options_are_refused(pools: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TokenVerifier(pools, **settings)


def test_options_of_a_verifier_are_keyword_only() -> None:
    with pytest.raises(TypeError, match="positional"):
        TokenVerifier(POOL, "id")  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        make_verifier().verify(sign(ID), "id")  # type: ignore[misc]


def test_unknown_token_use_raises_value_error() -> None:
    with pytest.raises(ValueError, match="token_use"):
        make_verifier().verify(sign(ACCESS), token_use="refresh")  # type: ignore[arg-type]


def test_verifier_uses_unix_time_by_default() -> None:
    verifier = TokenVerifier(POOL)
    verifier.load_jwks(POOL, jwks("one"))
    assert verifier.verify(sign(changed(ACCESS, iat=int(time.time()), exp=int(time.time()) + 60, auth_time=...)))


# Keys that have to be fetched


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(json_answer(jwks("one"))) as started:
        yield started


@pytest.fixture
def remote(server: ScriptedServer) -> UserPool:
    return UserPool(POOL.user_pool_id, client_ids="1webclient", issuer=f"{server.url}/{POOL.user_pool_id}")


@pytest.fixture
def verifier(remote: UserPool) -> TokenVerifier:
    return TokenVerifier(remote, now=lambda: NOW)


@pytest.fixture
def claims(remote: UserPool) -> Callable[..., dict[str, Any]]:
    return lambda **changes: changed(ACCESS, iss=remote.issuers[0], **changes)


def test_keys_are_fetched_only_for_the_first_token(
    verifier: TokenVerifier, claims: Callable[..., Any], server: ScriptedServer
) -> None:
    assert [verifier.verify(sign(claims())).sub for _ in range(3)] == [SUB] * 3
    assert server.count == 1


def test_keys_of_an_insecure_host_are_fetched(
    server: ScriptedServer, claims: Callable[..., Any], container_host: str
) -> None:
    url = f"{server.url.replace('127.0.0.1', container_host)}/keys"
    pool = UserPool(POOL.user_pool_id, client_ids=POOL.client_ids, jwks_uri=url, insecure_hosts=[container_host])
    TokenVerifier(pool).hydrate()
    assert server.count == 1


def test_keys_can_be_fetched_before_the_first_token(
    verifier: TokenVerifier, claims: Callable[..., Any], server: ScriptedServer
) -> None:
    assert needs_fetch(verifier, sign(claims()))
    verifier.hydrate()
    assert not needs_fetch(verifier, sign(claims()))
    assert server.count == 1


@pytest.mark.parametrize("raw", [None, "", "a.b.c", 5, sign({}), sign({"iss": []}), sign(ACCESS, header={"alg": "x"})])
def test_token_that_is_refused_without_keys_needs_no_fetch(verifier: TokenVerifier, raw: Any) -> None:
    assert not needs_fetch(verifier, raw)


@pytest.mark.parametrize(
    ("changes", "error_class"),
    [
        ({"exp": NOW - 60}, ExpiredTokenError),
        ({"iat": NOW + 60}, ImmatureTokenError),
        ({"client_id": "9otherclient"}, ClientError),
        ({"token_use": "id"}, TokenUseError),
        ({"sub": ...}, ClaimError),
    ],
)
def test_invalid_claims_cause_no_fetch_and_show_no_value(
    verifier: TokenVerifier,
    claims: Callable[..., Any],
    server: ScriptedServer,
    changes: dict[str, Any],
    error_class: type[ClaimError],
) -> None:
    error = refusal(sign(claims(**changes)), verifier)
    assert type(error) is error_class
    assert isinstance(error, ClaimError)
    assert error.actual is None
    assert "9otherclient" not in str(error)
    assert error.__suppress_context__
    assert server.count == 0


def test_expired_token_is_refused_during_an_outage(
    verifier: TokenVerifier, claims: Callable[..., Any], server: ScriptedServer
) -> None:
    server.script(Answer(500))
    with pytest.raises(CognitoUnavailableError):
        verifier.verify(sign(claims()))
    assert refusal(sign(claims(exp=NOW - 60)), verifier).code == "token_expired"


def test_unknown_kids_cause_one_fetch(
    verifier: TokenVerifier, claims: Callable[..., Any], server: ScriptedServer
) -> None:
    changed_claims = claims()
    codes = {refusal(sign(changed_claims, header={"alg": "RS256", "kid": str(n)}), verifier).code for n in range(100)}
    assert (codes, server.count) == ({"unknown_key"}, 1)


def test_verifiers_can_share_their_keys(remote: UserPool, claims: Callable[..., Any], server: ScriptedServer) -> None:
    stores = KeyStores()
    for _ in range(2):
        TokenVerifier(remote, key_stores=stores, now=lambda: NOW).verify(sign(claims()))
    assert server.count == 1
