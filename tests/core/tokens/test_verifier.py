"""The verifier: valid tokens are accepted, and each kind of invalid token is refused with its own error."""

import hashlib
import json
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
from tests.support.signing import b64, jwks, segment, sign

from .forging import needs_fetch

NOW = 1_800_000_000
POOL = UserPool("eu-west-1_AbCdEfGhI", client_ids=("1webclient", "2appclient"))
OTHER_POOL = UserPool("us-east-1_ZyXwVuTsR", client_ids=("9otherclient",))
SUB = "a1b2c3d4-5678-90ab-cdef-1234567890ab"
LONE_SURROGATE = json.dumps("\ud800")

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


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param(changed(ACCESS, **{"cognito:groups": ...}), id="no groups"),
        pytest.param(changed(ACCESS, **{"cognito:groups": []}), id="empty groups"),
        pytest.param(changed(ACCESS, scope=...), id="no scope"),
        pytest.param(changed(ACCESS, auth_time=...), id="no auth_time"),
        pytest.param(changed(ACCESS, aud="https://api.example.com"), id="bound to a resource"),
        pytest.param(changed(ACCESS, exp=float(NOW + 1)), id="a whole number as a float"),
        pytest.param(changed(ACCESS, nbf=NOW), id="not before now"),
        pytest.param(changed(ACCESS, extra={"deep": [1, None, {"x": 1.5}]}), id="claims of a trigger"),
        pytest.param(changed(ACCESS, extra=[{}] * 100), id="many small objects"),
        pytest.param(changed(ACCESS, extra="\U0001f600 caf\u00e9"), id="characters beyond ASCII, escaped"),
        pytest.param(changed(ACCESS, username="x[" * 40), id="brackets in a string"),
    ],
)
def test_unusual_tokens_are_accepted(claims: dict[str, Any]) -> None:
    assert make_verifier().verify(sign(claims)).sub == SUB


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "one", "alg": "RS256", "typ": "JWT"},
        {"kid": "one", "alg": "RS256", "jku": "https://attacker.invalid/", "x5u": "https://attacker.invalid/"},
        {"kid": "one", "alg": "RS256", "jwk": jwks("two")["keys"][0], "x5c": ["MII"]},
    ],
)
def test_urls_and_keys_in_the_header_are_ignored(header: dict[str, Any]) -> None:
    assert make_verifier().verify(sign(ACCESS, header=header)).sub == SUB
    assert refusal(sign(ACCESS, header=header, key="two")).code == "invalid_signature"


# Structure


@pytest.mark.parametrize("raw", [None, 5, 1.5, b"a.b.c", sign(ACCESS).encode(), [], {}, object(), True, ...])
def test_token_that_is_not_a_string_is_malformed(raw: Any) -> None:
    assert type(refusal(raw)) is MalformedTokenError


HEADER, CLAIMS, SIGNATURE = sign(ACCESS).split(".")


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("", id="empty"),
        pytest.param(".", id="one dot"),
        pytest.param("..", id="two dots"),
        pytest.param("." * 16_384, id="dots alone"),
        pytest.param(f"{HEADER}.{CLAIMS}", id="two parts"),
        pytest.param(f"{HEADER}.{CLAIMS}.{SIGNATURE}.", id="four parts"),
        pytest.param(f" {HEADER}.{CLAIMS}.{SIGNATURE}", id="a space before"),
        pytest.param(f"{HEADER}.{CLAIMS}.{SIGNATURE}\n", id="a newline after"),
        pytest.param(f"{HEADER}.{CLAIMS}.{SIGNATURE}==", id="padding"),
        pytest.param(f"{HEADER}.{CLAIMS[:4]}\n{CLAIMS[4:]}.{SIGNATURE}", id="a newline within"),
        pytest.param(f"{HEADER}.{CLAIMS}.{SIGNATURE[:-2]}+/", id="standard base64"),
        pytest.param(f"{HEADER}.{CLAIMS}.{SIGNATURE}é", id="beyond ASCII"),
        pytest.param(f"{HEADER}.{CLAIMS}.{SIGNATURE}\ud800", id="a lone surrogate"),
        pytest.param(f"{HEADER}.{CLAIMS}.{SIGNATURE}\0", id="NUL"),
        pytest.param(f"{HEADER}.{CLAIMS}.A", id="an impossible length"),
        pytest.param(f"{HEADER}.{CLAIMS}.AB", id="a last character that is not canonical"),
        pytest.param(f"Bearer {HEADER}.{CLAIMS}.{SIGNATURE}", id="the scheme before it"),
    ],
)
def test_token_that_is_no_compact_jws_is_malformed(raw: str) -> None:
    error = refusal(raw)
    assert (type(error), error.code) == (MalformedTokenError, "malformed_token")


def test_refresh_token_has_its_own_error_code() -> None:
    error = refusal("eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiUlNBLU9BRVAifQ.a.b.c.d")
    assert (type(error), error.code) == (MalformedTokenError, "refresh_token")


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="truncated"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"x"', id="a string"),
        pytest.param(b"{}{}", id="two objects"),
        pytest.param(b"{'a': 1}", id="Python's quotes"),
        pytest.param(b'{"a": 1, "a": 1}', id="a member twice"),
        pytest.param(b'{"a": 1, "\\u0061": 1}', id="a member twice, once escaped"),
        pytest.param(b'{"a": {"b": 1, "b": 2}}', id="an inner member twice"),
        pytest.param(b'{"a": NaN}', id="NaN"),
        pytest.param(b'{"a": -Infinity}', id="Infinity"),
        pytest.param(b'{"a": 1e400}', id="a number beyond floats"),
        pytest.param(b'{"a": ' + b"1" * 5_000 + b"}", id="a number beyond Python's limit"),
        pytest.param(b'{"a": "\xff"}', id="invalid UTF-8"),
        pytest.param('{"a": 1}'.encode("utf-16"), id="UTF-16"),
        pytest.param('{"a": 1}'.encode("utf-32"), id="UTF-32"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', id="a byte order mark"),
        pytest.param(b'{"a": "\n"}', id="a bare control character"),
        pytest.param(f'{{"a": {LONE_SURROGATE}}}'.encode(), id="a lone surrogate"),
        pytest.param(f"{{{LONE_SURROGATE.upper()}: 1}}".replace("\\U", "\\u").encode(), id="a lone surrogate as name"),
        pytest.param(b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", id="nested"),
        pytest.param(b'{"a": ' + b"[" * 3_000 + b"]" * 3_000 + b"}", id="nested beyond Python's limit"),
        pytest.param(b'{"a":' * 2_000 + b"1" + b"}" * 2_000, id="objects nested beyond Python's limit"),
    ],
)
@pytest.mark.parametrize("place", ["header", "claims"])
def test_part_that_is_not_a_strict_json_object_is_malformed(part: bytes, place: str) -> None:
    raw = sign(part) if place == "claims" else f"{b64(part)}.{CLAIMS}.{SIGNATURE}"
    assert type(refusal(raw)) is MalformedTokenError


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


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"kid": "one"}, id="no alg"),
        pytest.param({"kid": "one", "alg": "none"}, id="none"),
        pytest.param({"kid": "one", "alg": "None"}, id="None"),
        pytest.param({"kid": "one", "alg": None}, id="null"),
        pytest.param({"kid": "one", "alg": "HS256"}, id="HS256"),
        pytest.param({"kid": "one", "alg": "PS256"}, id="PS256"),
        pytest.param({"kid": "one", "alg": "RS512"}, id="RS512"),
        pytest.param({"kid": "one", "alg": "rs256"}, id="in lower case"),
        pytest.param({"kid": "one", "alg": ["RS256"]}, id="in a list"),
        pytest.param({"kid": "one", "alg": "RS256", "crit": ["exp"]}, id="crit"),
        pytest.param({"kid": "one", "alg": "RS256", "crit": []}, id="an empty crit"),
        pytest.param({"kid": "one", "alg": "RS256", "crit": ["b64"], "b64": False}, id="b64"),
        pytest.param({"alg": "RS256"}, id="no kid"),
        pytest.param({"kid": "", "alg": "RS256"}, id="an empty kid"),
        pytest.param({"kid": 1, "alg": "RS256"}, id="a kid that is not a string"),
        pytest.param({"kid": ["one"], "alg": "RS256"}, id="a kid in a list"),
        pytest.param({"kid": "k" * 257, "alg": "RS256"}, id="a long kid"),
        pytest.param({"kid": "two", "alg": "RS256"}, id="an unknown kid"),
    ],
)
def test_unsupported_header_is_refused(header: dict[str, Any]) -> None:
    assert type(refusal(sign(ACCESS, header=header))) is SignatureError


@pytest.mark.parametrize(
    ("length", "code"), [(0, "invalid_signature"), (1, "unknown_key"), (256, "unknown_key"), (257, "invalid_signature")]
)
def test_kid_has_one_to_256_characters(length: int, code: str) -> None:
    assert refusal(sign(ACCESS, header={"kid": "k" * length, "alg": "RS256"})).code == code


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(sign(ACCESS, header={"kid": "one", "alg": "RS256"}, key="two"), id="another key's"),
        pytest.param(f"{HEADER}.{CLAIMS}.", id="none"),
        pytest.param(f"{HEADER}.{CLAIMS}.{b64(bytes(256))}", id="zeros"),
        pytest.param(f"{HEADER}.{CLAIMS}.{b64(b'x' * 300)}", id="too long"),
        pytest.param(f"{HEADER}.{segment(changed(ACCESS, username='admin'))}.{SIGNATURE}", id="other claims"),
        pytest.param(f"{segment({'alg': 'RS256', 'kid': 'one'})}.{CLAIMS}.{SIGNATURE}", id="another header"),
    ],
)
def test_invalid_signature_is_refused(raw: str) -> None:
    error = refusal(raw)
    assert (type(error), error.code) == (SignatureError, "invalid_signature")


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


def test_each_pool_accepts_only_its_own_tokens() -> None:
    verifier = make_verifier([POOL, OTHER_POOL])
    verifier.load_jwks(OTHER_POOL, jwks("two"))
    other_claims = changed(ACCESS, iss=OTHER_POOL.issuers[0], client_id="9otherclient")
    assert verifier.verify(sign(other_claims, key="two")).user_pool_id == OTHER_POOL.user_pool_id
    assert refusal(sign(other_claims, key="one"), verifier).code == "unknown_key"
    assert type(refusal(sign(changed(other_claims, client_id="1webclient"), key="two"), verifier)) is ClientError


@pytest.mark.parametrize(
    "issuer",
    [
        pytest.param(OTHER_POOL.issuers[0], id="another pool"),
        pytest.param("https://attacker.invalid/", id="an attacker"),
        pytest.param(POOL.issuers[0] + "/", id="an extra slash"),
        pytest.param(POOL.issuers[0][:-1], id="a part of the issuer"),
        pytest.param(POOL.issuers[0].upper(), id="in upper case"),
        pytest.param("", id="empty"),
        pytest.param(None, id="null"),
        pytest.param([POOL.issuers[0]], id="in a list"),
        pytest.param({}, id="an object"),
        pytest.param(..., id="missing"),
    ],
)
def test_unknown_issuer_is_refused_and_not_shown(issuer: Any) -> None:
    error = refusal(sign(changed(ACCESS, iss=issuer)))
    assert type(error) is IssuerError
    assert str(error) == "from a user pool that is not configured (claim 'iss')"
    assert error.actual is None


def test_other_issuer_form_is_refused_with_a_hint() -> None:
    other = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI"
    error = refusal(sign(changed(ACCESS, iss=other)))
    assert type(error) is IssuerError
    assert f"add '{other}' to ISSUER" in str(error)


def test_pool_may_have_several_issuers() -> None:
    pool = UserPool(POOL.user_pool_id, client_ids="1webclient", issuer=POOL.issuer_forms)
    verifier = make_verifier(pool)
    assert {verifier.verify(sign(changed(ACCESS, iss=issuer))).issuer for issuer in pool.issuers} == set(pool.issuers)


# Claims


def claim_error(**changes: Any) -> ClaimError:
    error = refusal(sign(changed(ACCESS, **changes)))
    assert isinstance(error, ClaimError)
    return error


@pytest.mark.parametrize("claim", ["exp", "iat", "sub", "username", "client_id", "token_use"])
@pytest.mark.parametrize("value", [..., None, "", [], {}, True, False, ["x"]])
def test_required_claim_that_is_missing_or_mistyped_is_refused(claim: str, value: Any) -> None:
    assert claim_error(**{claim: value}).claim == claim


@pytest.mark.parametrize("claim", ["sub", "aud", "cognito:username"])
@pytest.mark.parametrize("value", [..., None, "", 5, ["1webclient"]])
def test_required_id_token_claim_missing_or_mistyped_is_refused(claim: str, value: Any) -> None:
    error = refusal(sign(changed(ID, **{claim: value})), token_use="id")
    assert isinstance(error, ClaimError)
    assert error.claim == claim


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf", "auth_time"])
@pytest.mark.parametrize("value", [None, True, "1800000000", [NOW], 0, -1, 1.5, 2**53, 253_402_300_800, 10**400, 1e300])
def test_invalid_time_claim_is_refused(claim: str, value: Any) -> None:
    error = claim_error(**{claim: value})
    assert (type(error), error.claim) == (ClaimError, claim)


def test_last_second_of_the_calendar_is_accepted() -> None:
    assert make_verifier().verify(sign(changed(ACCESS, exp=253_402_300_799))).expires_at.year == 9999


@pytest.mark.parametrize("claim", ["sub", "username", "client_id"])
def test_nul_in_a_claim_is_refused(claim: str) -> None:
    assert isinstance(claim_error(**{claim: "a\0b"}), ClaimError)


@pytest.mark.parametrize("groups", [None, "editors", {"editors": 1}, ["editors", 1], [["editors"]], [""], ["a\0b"]])
def test_groups_that_are_not_a_list_of_names_are_refused(groups: Any) -> None:
    assert claim_error(**{"cognito:groups": groups}).claim == "cognito:groups"


@pytest.mark.parametrize("scope", [None, ["openid"], 5])
def test_scope_that_is_not_a_string_is_refused(scope: Any) -> None:
    assert claim_error(scope=scope).claim == "scope"


@pytest.mark.parametrize("subject", ["1", "1webclient2", "1webclienT", "somebody"])
def test_token_without_username_and_with_another_sub_is_refused(subject: str) -> None:
    assert claim_error(username=..., sub=subject).claim == "username"


@pytest.mark.parametrize(("late", "accepted"), [(9, True), (10, False), (11, False)])
def test_token_expires_at_exp_plus_leeway(late: int, accepted: bool) -> None:
    raw = sign(changed(ACCESS, exp=NOW - late))
    if accepted:
        assert make_verifier(leeway_seconds=10).verify(raw)
    else:
        error = refusal(raw, make_verifier(leeway_seconds=10))
        assert (type(error), error.code) == (ExpiredTokenError, "token_expired")


@pytest.mark.parametrize("claim", ["iat", "nbf", "auth_time"])
@pytest.mark.parametrize(("early", "accepted"), [(10, True), (11, False)])
def test_token_from_the_future_is_refused_beyond_the_leeway(claim: str, early: int, accepted: bool) -> None:
    raw = sign(changed(ACCESS, **{claim: NOW + early}))
    if accepted:
        assert make_verifier(leeway_seconds=10).verify(raw)
    else:
        error = refusal(raw, make_verifier(leeway_seconds=10))
        assert (type(error), error.code) == (ImmatureTokenError, "token_not_yet_valid")


def test_token_without_leeway_expires_at_exp() -> None:
    assert type(refusal(sign(changed(ACCESS, exp=NOW)), make_verifier(leeway_seconds=0))) is ExpiredTokenError
    assert make_verifier(leeway_seconds=0).verify(sign(changed(ACCESS, exp=NOW + 1, iat=NOW)))


@pytest.mark.parametrize(
    ("claims", "token_use", "accepted"),
    [
        (ACCESS, "access", True),
        (ACCESS, "id", False),
        (ACCESS, None, True),
        (ID, "access", False),
        (ID, "id", True),
        (ID, None, True),
        (CLIENT_TOKEN, "id", False),
        (changed(ACCESS, token_use="refresh"), None, False),
        (changed(ACCESS, token_use=["access"]), "access", False),
    ],
)
def test_token_use_must_match(claims: dict[str, Any], token_use: Any, accepted: bool) -> None:
    if accepted:
        assert make_verifier().verify(sign(claims), token_use=token_use)
        assert make_verifier(token_use=token_use).verify(sign(claims))
    else:
        assert refusal(sign(claims), token_use=token_use).code == "wrong_token_use"
        assert type(refusal(sign(claims), make_verifier(token_use=token_use))) is TokenUseError


@pytest.mark.parametrize(
    ("client_ids", "accepted"),
    [
        (None, True),
        (("1webclient",), True),
        (["1webclient"], True),
        ({"1webclient"}, True),
        ("1webclient", True),
        (("2appclient",), False),
        ("1webclient2appclient", False),
        ((), False),
    ],
)
@pytest.mark.parametrize(("claims", "token_use"), [(ACCESS, "access"), (ID, "id"), (CLIENT_TOKEN, "access")])
def test_client_id_must_be_accepted(claims: dict[str, Any], token_use: Any, client_ids: Any, accepted: bool) -> None:
    if accepted:
        assert make_verifier().verify(sign(claims), token_use=token_use, client_ids=client_ids)
    else:
        assert refusal(sign(claims), token_use=token_use, client_ids=client_ids).code == "wrong_client"


def test_client_of_an_access_token_is_not_its_audience() -> None:
    assert type(claim_error(client_id="9otherclient", aud="1webclient")) is ClientError


def test_claim_error_of_a_signed_token_has_the_expected_value() -> None:
    error = claim_error(client_id="9otherclient")
    assert (error.claim, error.actual, error.expected) == ("client_id", "9otherclient", ("1webclient", "2appclient"))
    assert "'9otherclient'" in str(error)


@pytest.mark.parametrize("nonce", ["other", "", "n-0S6_WzA2M", "N-0S6_WzA2Mj"])
def test_other_nonce_is_refused(nonce: str) -> None:
    assert refusal(sign(ID), token_use="id", nonce=nonce).code == "nonce_mismatch"


@pytest.mark.parametrize("claim", [..., None, "", ["sent"], {"sent": 1}])
def test_missing_or_mistyped_nonce_is_refused(claim: Any) -> None:
    error = refusal(sign(changed(ID, nonce=claim)), token_use="id", nonce="sent")
    assert (error.code, "sent'" in str(error)) == ("nonce_mismatch", False)


def test_at_hash_must_match_the_access_token() -> None:
    access_token = sign(ACCESS)
    at_hash = b64(hashlib.sha256(access_token.encode()).digest()[:16])
    id_token = sign(changed(ID, at_hash=at_hash))
    assert make_verifier().verify(id_token, token_use="id", access_token=access_token)
    assert make_verifier().verify(id_token, token_use="id")
    assert make_verifier().verify(sign(ID), token_use="id", access_token=access_token)
    for other in (access_token + "x", "", "\ud800"):
        assert refusal(id_token, token_use="id", access_token=other).code == "at_hash_mismatch"


@pytest.mark.parametrize("at_hash", [None, "", 5, []])
def test_invalid_at_hash_is_refused(at_hash: Any) -> None:
    assert refusal(sign(changed(ID, at_hash=at_hash)), token_use="id", access_token="x").code == "at_hash_mismatch"


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


def test_default_leeway_is_ten_seconds() -> None:
    assert make_verifier().verify(sign(changed(ACCESS, exp=NOW - 9)))
    assert type(refusal(sign(changed(ACCESS, exp=NOW - 10)))) is ExpiredTokenError


def test_maximum_leeway_is_a_minute() -> None:
    assert make_verifier(leeway_seconds=60).verify(sign(changed(ACCESS, exp=NOW - 59)))


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
