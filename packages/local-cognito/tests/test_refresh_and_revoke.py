"""Refresh, rotation, revocation, sign-out, and disabled and deleted users."""

from typing import Any

import jwt
import pytest
import requests
from local_cognito import Emulator
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.sign_up import secret_hash
from local_cognito_support.user_pools import POOL_ID, SECRET, Clock, Users


def claims(raw: str) -> dict[str, Any]:
    return jwt.decode(raw, options={"verify_signature": False})


def refresh(idp: Any, refresh_token: str, client_id: str = "1public", **parameters: str) -> dict[str, str]:
    parameters = {"REFRESH_TOKEN": refresh_token, **parameters}
    answer = idp.initiate_auth(AuthFlow="REFRESH_TOKEN_AUTH", ClientId=client_id, AuthParameters=parameters)
    tokens: dict[str, str] = answer["AuthenticationResult"]
    return tokens


def get_tokens_from_refresh_token(
    idp: Any, refresh_token: str, client_id: str = "1public", **options: str
) -> dict[str, str]:
    answer = idp.get_tokens_from_refresh_token(RefreshToken=refresh_token, ClientId=client_id, **options)
    tokens: dict[str, str] = answer["AuthenticationResult"]
    return tokens


@pytest.fixture
def username(users: Users) -> str:
    return users.create()


@pytest.fixture
def tokens(users: Users, username: str) -> dict[str, str]:
    return users.tokens(username)


def confidential_tokens(idp: Any, username: str) -> dict[str, str]:
    parameters = {"USERNAME": username, "PASSWORD": "Correct-horse-7", "SECRET_HASH": secret_hash(username)}
    answer = idp.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId="2confidential", AuthParameters=parameters)
    tokens: dict[str, str] = answer["AuthenticationResult"]
    return tokens


def test_refresh_returns_new_access_token_without_refresh_token(public_idp: Any, tokens: dict[str, str]) -> None:
    refreshed = refresh(public_idp, tokens["RefreshToken"])
    assert "RefreshToken" not in refreshed
    assert refreshed["AccessToken"] != tokens["AccessToken"]


@pytest.mark.parametrize("claim", ["origin_jti", "event_id", "auth_time", "sub"])
def test_refreshed_token_has_the_claims_of_its_sign_in(
    public_idp: Any, tokens: dict[str, str], clock: Clock, claim: str
) -> None:
    clock.pass_seconds(100)
    refreshed = refresh(public_idp, tokens["RefreshToken"])
    assert claims(refreshed["AccessToken"])[claim] == claims(tokens["AccessToken"])[claim]


def test_refreshed_token_has_the_current_groups(idp: Any, username: str, tokens: dict[str, str]) -> None:
    idp.admin_add_user_to_group(UserPoolId=POOL_ID, Username=username, GroupName="editors")
    assert claims(get_tokens_from_refresh_token(idp, tokens["RefreshToken"])["IdToken"])["cognito:groups"] == [
        "editors"
    ]


def test_administrator_refreshes_tokens(idp: Any, tokens: dict[str, str]) -> None:
    answer = idp.admin_initiate_auth(
        UserPoolId=POOL_ID,
        AuthFlow="REFRESH_TOKEN",
        ClientId="1public",
        AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]},
    )
    assert "AccessToken" in answer["AuthenticationResult"]


def test_invalid_refresh_token_is_refused_by_initiate_auth(public_idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Invalid Refresh Token"):
        refresh(public_idp, "garbage")


def test_refresh_by_another_client_is_refused(public_idp: Any, tokens: dict[str, str]) -> None:
    with raises_client_error("NotAuthorizedException", "Invalid Refresh Token"):
        refresh(public_idp, tokens["RefreshToken"], "3frugal")


def test_refresh_token_expires(public_idp: Any, tokens: dict[str, str], clock: Clock) -> None:
    clock.pass_seconds(30 * 86_400)
    with raises_client_error("NotAuthorizedException", "Refresh Token has expired"):
        refresh(public_idp, tokens["RefreshToken"])


def test_confidential_client_refreshes_with_secret_hash(public_idp: Any, username: str) -> None:
    tokens = confidential_tokens(public_idp, username)
    assert refresh(public_idp, tokens["RefreshToken"], "2confidential", SECRET_HASH=secret_hash(username))


def test_secret_hash_of_a_refresh_may_use_the_sub(public_idp: Any, username: str) -> None:
    tokens = confidential_tokens(public_idp, username)
    hashed = secret_hash(claims(tokens["IdToken"])["sub"])
    assert refresh(public_idp, tokens["RefreshToken"], "2confidential", SECRET_HASH=hashed)


def test_confidential_client_refresh_requires_secret_hash(public_idp: Any, username: str) -> None:
    tokens = confidential_tokens(public_idp, username)
    with raises_client_error("NotAuthorizedException"):
        refresh(public_idp, tokens["RefreshToken"], "2confidential")


def test_get_tokens_from_refresh_token_requires_client_secret(public_idp: Any, username: str) -> None:
    tokens = confidential_tokens(public_idp, username)
    assert "AccessToken" in get_tokens_from_refresh_token(
        public_idp, tokens["RefreshToken"], "2confidential", ClientSecret=SECRET
    )
    with raises_client_error("NotAuthorizedException", "Unable to verify secret for client 2confidential"):
        get_tokens_from_refresh_token(public_idp, tokens["RefreshToken"], "2confidential", ClientSecret="x" * 24)


def test_refresh_with_rotation_returns_a_valid_refresh_token(public_idp: Any, users: Users, username: str) -> None:
    tokens = users.tokens(username, "5rotating")
    second = get_tokens_from_refresh_token(public_idp, tokens["RefreshToken"], "5rotating")["RefreshToken"]
    assert second != tokens["RefreshToken"]
    assert "RefreshToken" in get_tokens_from_refresh_token(public_idp, second, "5rotating")


def test_replaced_refresh_token_is_valid_for_the_grace_period(
    public_idp: Any, users: Users, username: str, clock: Clock
) -> None:
    first = users.tokens(username, "5rotating")["RefreshToken"]
    get_tokens_from_refresh_token(public_idp, first, "5rotating")
    clock.pass_seconds(30)  # on a busy computer, some more pass by themselves
    assert "RefreshToken" in get_tokens_from_refresh_token(public_idp, first, "5rotating")
    clock.pass_seconds(31)
    with raises_client_error("RefreshTokenReuseException"):
        get_tokens_from_refresh_token(public_idp, first, "5rotating")


def test_rotation_does_not_extend_the_refresh_token_lifetime(
    public_idp: Any, users: Users, username: str, clock: Clock
) -> None:
    first = users.tokens(username, "5rotating")["RefreshToken"]
    clock.pass_seconds(20 * 86_400)
    second = get_tokens_from_refresh_token(public_idp, first, "5rotating")["RefreshToken"]
    clock.pass_seconds(10 * 86_400)
    with raises_client_error("NotAuthorizedException", "Refresh Token has expired"):
        get_tokens_from_refresh_token(public_idp, second, "5rotating")


def test_rotating_client_is_refused_refresh_token_auth(public_idp: Any, users: Users, username: str) -> None:
    tokens = users.tokens(username, "5rotating")
    with raises_client_error("InvalidParameterException", "REFRESH_TOKEN_AUTH flow not enabled for this client"):
        refresh(public_idp, tokens["RefreshToken"], "5rotating")


def assert_revoked(idp: Any, tokens: dict[str, str], message: str = "Refresh Token has been revoked") -> None:
    """Assert that the API refuses the refresh token with `message`, and the access token as revoked."""
    with raises_client_error("NotAuthorizedException", message):
        refresh(idp, tokens["RefreshToken"])
    with raises_client_error("NotAuthorizedException", "Access Token has been revoked"):
        idp.get_user(AccessToken=tokens["AccessToken"])


def test_revocation_revokes_all_tokens_of_the_sign_in(public_idp: Any, tokens: dict[str, str]) -> None:
    public_idp.revoke_token(Token=tokens["RefreshToken"], ClientId="1public")
    assert_revoked(public_idp, tokens)


def test_revocation_does_not_affect_another_sign_in(
    public_idp: Any, users: Users, username: str, tokens: dict[str, str]
) -> None:
    other_tokens = users.tokens(username)
    public_idp.revoke_token(Token=other_tokens["RefreshToken"], ClientId="1public")
    assert public_idp.get_user(AccessToken=tokens["AccessToken"])["Username"] == username


def test_revoked_token_may_be_revoked_again(public_idp: Any, tokens: dict[str, str]) -> None:
    for _ in range(2):
        public_idp.revoke_token(Token=tokens["RefreshToken"], ClientId="1public")


def test_revocation_of_an_access_token_is_refused(public_idp: Any, tokens: dict[str, str]) -> None:
    with raises_client_error("UnsupportedTokenTypeException"):
        public_idp.revoke_token(Token=tokens["AccessToken"], ClientId="1public")


def test_revocation_by_another_client_is_refused(public_idp: Any, tokens: dict[str, str]) -> None:
    with raises_client_error("UnauthorizedException"):
        public_idp.revoke_token(Token=tokens["RefreshToken"], ClientId="3frugal")
    assert public_idp.get_user(AccessToken=tokens["AccessToken"])


def test_client_without_revocation_is_refused_revocation(public_idp: Any, users: Users, username: str) -> None:
    tokens = users.tokens(username, "7eternal")
    with raises_client_error("UnsupportedOperationException"):
        public_idp.revoke_token(Token=tokens["RefreshToken"], ClientId="7eternal")


def test_global_sign_out_revokes_every_sign_in(
    public_idp: Any, users: Users, username: str, tokens: dict[str, str]
) -> None:
    other_tokens = users.tokens(username)
    public_idp.global_sign_out(AccessToken=other_tokens["AccessToken"])
    assert_revoked(public_idp, tokens)
    assert_revoked(public_idp, other_tokens)


def test_admin_user_global_sign_out_revokes_tokens(idp: Any, username: str, tokens: dict[str, str]) -> None:
    idp.admin_user_global_sign_out(UserPoolId=POOL_ID, Username=username)
    assert_revoked(idp, tokens)


def test_user_signs_in_again_after_global_sign_out(
    idp: Any, users: Users, username: str, tokens: dict[str, str]
) -> None:
    idp.admin_user_global_sign_out(UserPoolId=POOL_ID, Username=username)
    assert idp.get_user(AccessToken=users.tokens(username)["AccessToken"])["Username"] == username


def test_disabled_user_is_signed_out_even_if_enabled_again(idp: Any, username: str, tokens: dict[str, str]) -> None:
    idp.admin_disable_user(UserPoolId=POOL_ID, Username=username)
    assert_revoked(idp, tokens, "User is disabled.")
    idp.admin_enable_user(UserPoolId=POOL_ID, Username=username)
    assert_revoked(idp, tokens)


def test_access_token_of_a_disabled_user_is_refused(
    emulator: Emulator, public_idp: Any, username: str, tokens: dict[str, str]
) -> None:
    user = emulator.service.pools.find_moto_user(POOL_ID, username)
    assert user is not None
    user.enabled = False  # without the revocation of AdminDisableUser
    with raises_client_error("NotAuthorizedException", "Access Token has been revoked"):
        public_idp.get_user(AccessToken=tokens["AccessToken"])


def test_deleted_user_is_signed_out(idp: Any, username: str, tokens: dict[str, str]) -> None:
    idp.admin_delete_user(UserPoolId=POOL_ID, Username=username)
    with raises_client_error("NotAuthorizedException", "User does not exist."):
        refresh(idp, tokens["RefreshToken"])
    with raises_client_error("UserNotFoundException", "User does not exist."):
        idp.get_user(AccessToken=tokens["AccessToken"])


def test_user_info_refuses_a_revoked_access_token(emulator: Emulator, username: str) -> None:
    client = emulator.service.client("1public")
    moto_user = emulator.service.pools.find_moto_user(POOL_ID, username)
    assert client is not None
    assert moto_user is not None
    user = emulator.service.pools.to_user(moto_user)
    tokens = emulator.service.issue(client, user, scopes=("openid", "email"))

    def status() -> int:
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        return requests.get(f"{emulator.domain}/oauth2/userInfo", headers=headers, timeout=30).status_code

    assert status() == 200
    emulator.service.sign_out_everywhere(user)
    assert status() == 401


def test_expired_access_token_is_refused(public_idp: Any, tokens: dict[str, str], clock: Clock) -> None:
    clock.pass_seconds(300)
    with raises_client_error("NotAuthorizedException", "Access Token has expired"):
        public_idp.get_user(AccessToken=tokens["AccessToken"])


@pytest.mark.parametrize("kind", ["IdToken", "RefreshToken"])
def test_id_or_refresh_token_as_access_token_is_refused(public_idp: Any, tokens: dict[str, str], kind: str) -> None:
    with raises_client_error("NotAuthorizedException", "Invalid Access Token"):
        public_idp.get_user(AccessToken=tokens[kind])


def test_id_token_signed_with_the_access_token_key_is_refused(
    emulator: Emulator, public_idp: Any, tokens: dict[str, str]
) -> None:
    raw = emulator.sign(POOL_ID, {**claims(tokens["AccessToken"]), "token_use": "id"})
    with raises_client_error("NotAuthorizedException", "Invalid Access Token"):
        public_idp.get_user(AccessToken=raw)


def test_access_token_with_invalid_signature_is_refused(public_idp: Any, tokens: dict[str, str]) -> None:
    head, body, signature = tokens["AccessToken"].split(".")
    with raises_client_error("NotAuthorizedException", "Invalid Access Token"):
        public_idp.get_user(AccessToken=f"{head}.{body}.{signature[::-1]}")


def test_access_token_of_an_unknown_sign_in_is_refused(
    emulator: Emulator, public_idp: Any, tokens: dict[str, str]
) -> None:
    raw = emulator.sign(POOL_ID, {**claims(tokens["AccessToken"]), "origin_jti": "unknown"})
    with raises_client_error("NotAuthorizedException", "Access Token has been revoked"):
        public_idp.get_user(AccessToken=raw)


def test_access_token_without_the_admin_scope_is_refused(
    emulator: Emulator, public_idp: Any, tokens: dict[str, str]
) -> None:
    raw = emulator.sign(POOL_ID, {**claims(tokens["AccessToken"]), "scope": "openid"})
    with raises_client_error("NotAuthorizedException", "Access Token does not have required scopes"):
        public_idp.get_user(AccessToken=raw)
