"""GetId: one identity per login, and validation of the ID token."""

import time
from typing import Any

import jwt
import pytest
import requests
from local_cognito import Emulator, sign
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.identity_site import (
    BARE_POOL,
    CLOSED_POOL,
    IDENTITY_POOL,
    OTHER_USER_POOL,
    OTHERS_POOL,
    SEED,
    USER_POOL,
    Site,
)
from local_cognito_support.user_pools import Clock

INVALID = "Invalid login token. "


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def get_id(site: Site, token: str, **options: Any) -> str:
    arguments = {"IdentityPoolId": IDENTITY_POOL, "Logins": site.logins(token), **options}
    return str(site.identity.get_id(**arguments)["IdentityId"])


def test_same_login_gets_same_identity_in_the_pool_region(site: Site) -> None:
    first, second = site.get_id("alice"), site.get_id("alice", client_id="other")
    assert first == second
    assert first.startswith("eu-west-1:")


def test_two_users_have_different_identities(site: Site) -> None:
    assert site.get_id("alice") != site.get_id("bob")


def test_user_has_another_identity_in_another_identity_pool(site: Site) -> None:
    assert site.get_id("alice") != site.get_id("alice", CLOSED_POOL)


def test_identity_survives_a_restart_without_get_id(site: Site) -> None:
    before = site.get_id("alice")
    with Emulator(seed=SEED) as restarted:
        again = Site(restarted)
        session = again.session(before, Logins=again.logins(again.id_token("alice")))
        assert again.get_id("alice") == before == session.identity_id


def test_unknown_identity_pool_is_not_found(site: Site) -> None:
    unknown = "eu-west-1:99999999-0000-4000-8000-000000000001"
    with raises_client_error("ResourceNotFoundException", f"IdentityPool '{unknown}' not found."):
        site.identity.get_id(IdentityPoolId=unknown)


def test_each_guest_gets_a_new_identity(site: Site) -> None:
    first, second = (site.identity.get_id(IdentityPoolId=IDENTITY_POOL)["IdentityId"] for _ in range(2))
    assert first != second


def test_guest_is_refused_if_the_pool_allows_no_guests(site: Site) -> None:
    with raises_client_error(
        "NotAuthorizedException", "Unauthenticated access is not supported for this identity pool."
    ):
        site.identity.get_id(IdentityPoolId=CLOSED_POOL)


def test_token_of_another_user_pool_is_refused(site: Site) -> None:
    with raises_client_error("NotAuthorizedException", f"{INVALID}Issuer doesn't match providerName"):
        get_id(site, token_of_other_user_pool(site))


def test_login_of_unsupported_provider_is_refused(site: Site) -> None:
    logins = site.logins(token_of_other_user_pool(site), OTHER_USER_POOL)
    with raises_client_error("NotAuthorizedException", "Token is not from a supported provider of this identity pool."):
        site.identity.get_id(IdentityPoolId=IDENTITY_POOL, Logins=logins)
    assert site.identity.get_id(IdentityPoolId=OTHERS_POOL, Logins=logins)["IdentityId"]


def token_of_other_user_pool(site: Site) -> str:
    answer = site.idp.initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH", ClientId="elsewhere", AuthParameters={"USERNAME": "olga", "PASSWORD": "x"}
    )
    return str(answer["AuthenticationResult"]["IdToken"])


def test_two_logins_in_one_request_are_refused(site: Site) -> None:
    logins = {**site.logins(site.id_token("alice")), "accounts.google.com": "x"}
    with raises_client_error("NotAuthorizedException", "Token is not from a supported provider of this identity pool."):
        site.identity.get_id(IdentityPoolId=IDENTITY_POOL, Logins=logins)


def test_id_token_with_changed_claims_is_refused(site: Site) -> None:
    header, _, signature = site.id_token("alice").split(".")
    _, payload, _ = site.id_token("bob").split(".")
    with raises_client_error("NotAuthorizedException", f"{INVALID}Token signature invalid."):
        get_id(site, ".".join((header, payload, signature)))


def test_id_token_signed_with_other_keys_is_refused(site: Site, tmp_path: Any) -> None:
    forged = sign(USER_POOL, claims_of(site.id_token("alice")), "id", state_dir=tmp_path)
    with raises_client_error("NotAuthorizedException", f"{INVALID}Can't find the token's key."):
        get_id(site, forged)


@pytest.mark.parametrize("raw", ["nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_malformed_id_token_is_refused(site: Site, raw: str) -> None:
    with raises_client_error("NotAuthorizedException"):
        get_id(site, raw)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"token_use": "access"}, "Not a valid OpenId Connect identity token."),
        ({"aud": "unknown"}, "Incorrect token audience."),
        ({"aud": ["web"]}, "Incorrect token audience."),
        ({"exp": 1_700_000_000}, ""),
        ({"exp": "tomorrow"}, "Not a valid OpenId Connect identity token."),
        ({"exp": None}, "Not a valid OpenId Connect identity token."),
        ({"sub": 7}, "Not a valid OpenId Connect identity token."),
        ({"iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_People"}, "Issuer doesn't match providerName"),
    ],
)
def test_id_token_with_a_wrong_claim_is_refused(site: Site, changes: dict[str, Any], message: str) -> None:
    forged = site.emulator.sign(USER_POOL, {**claims_of(site.id_token("alice")), **changes}, "id")
    with raises_client_error("NotAuthorizedException", message and INVALID + message):
        get_id(site, forged)


def test_access_token_as_login_is_refused(site: Site) -> None:
    answer = site.idp.initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH", ClientId="web", AuthParameters={"USERNAME": "alice", "PASSWORD": "x"}
    )
    with raises_client_error("NotAuthorizedException"):
        get_id(site, answer["AuthenticationResult"]["AccessToken"])


def test_expired_id_token_is_refused(site: Site, clock: Clock) -> None:
    token = site.id_token("alice")
    clock.pass_seconds(claims_of(token)["exp"] - time.time() + 1)
    with raises_client_error("NotAuthorizedException"):
        get_id(site, token)


def test_id_token_of_a_client_not_in_the_identity_pool_is_refused(site: Site) -> None:
    with raises_client_error("NotAuthorizedException"):
        site.get_id("alice", CLOSED_POOL, client_id="other")


def test_unsupported_identity_operation_is_named(site: Site) -> None:
    with raises_client_error("NotImplementedException", "The local Cognito does not have the operation GetOpenIdToken"):
        site.identity.get_open_id_token(IdentityId=site.get_id("alice", BARE_POOL))


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("GetIdd", "{}", "UnknownOperationException"),
        ("GetId", "[]", "SerializationException"),
        ("GetId", "{", "SerializationException"),
        ("GetId", '{"IdentityPoolId": "x", "Logins": ["x"]}', "InvalidParameterException"),
        ("GetId", '{"IdentityPoolId": "x", "Logins": {"a": 1}}', "InvalidParameterException"),
    ],
)
def test_invalid_identity_request_is_a_json_error(site: Site, operation: str, body: str, code: str) -> None:
    headers = {"X-Amz-Target": f"AWSCognitoIdentityService.{operation}"}
    answer = requests.post(site.emulator.url, data=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["__type"]) == (400, code)
    assert answer.headers["x-amzn-RequestId"]
