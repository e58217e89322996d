"""How a sign-in goes on, and how it ends: refresh, rotation, revocation, sign-out, disabled users."""

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


def renew(idp: Any, refresh_token: str, client_id: str = "1public", **options: str) -> dict[str, str]:
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
    found: dict[str, str] = answer["AuthenticationResult"]
    return found


def test_a_refresh_gives_new_tokens_and_no_new_refresh_token(public_idp: Any, tokens: dict[str, str]) -> None:
    renewed = refresh(public_idp, tokens["RefreshToken"])
    assert "RefreshToken" not in renewed
    assert renewed["AccessToken"] != tokens["AccessToken"]


@pytest.mark.parametrize("claim", ["origin_jti", "event_id", "auth_time", "sub"])
def test_a_refresh_belongs_to_its_sign_in(public_idp: Any, tokens: dict[str, str], clock: Clock, claim: str) -> None:
    clock.pass_seconds(100)
    renewed = refresh(public_idp, tokens["RefreshToken"])
    assert claims(renewed["AccessToken"])[claim] == claims(tokens["AccessToken"])[claim]


def test_a_refresh_shows_the_groups_of_now(idp: Any, username: str, tokens: dict[str, str]) -> None:
    idp.admin_add_user_to_group(UserPoolId=POOL_ID, Username=username, GroupName="editors")
    assert claims(renew(idp, tokens["RefreshToken"])["IdToken"])["cognito:groups"] == ["editors"]


def test_an_administrator_refreshes(idp: Any, tokens: dict[str, str]) -> None:
    answer = idp.admin_initiate_auth(
        UserPoolId=POOL_ID,
        AuthFlow="REFRESH_TOKEN",
        ClientId="1public",
        AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]},
    )
    assert "AccessToken" in answer["AuthenticationResult"]


def test_garbage_does_not_refresh(public_idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Invalid Refresh Token"):
        refresh(public_idp, "garbage")


def test_another_client_does_not_refresh(public_idp: Any, tokens: dict[str, str]) -> None:
    with raises_client_error("NotAuthorizedException", "Invalid Refresh Token"):
        refresh(public_idp, tokens["RefreshToken"], "3frugal")


def test_a_refresh_token_expires(public_idp: Any, tokens: dict[str, str], clock: Clock) -> None:
    clock.pass_seconds(30 * 86_400)
    with raises_client_error("NotAuthorizedException", "Refresh Token has expired"):
        refresh(public_idp, tokens["RefreshToken"])


def test_a_client_with_a_secret_refreshes_with_its_hash(public_idp: Any, username: str) -> None:
    tokens = confidential_tokens(public_idp, username)
    assert refresh(public_idp, tokens["RefreshToken"], "2confidential", SECRET_HASH=secret_hash(username))


def test_the_hash_of_a_refresh_may_be_over_the_sub(public_idp: Any, username: str) -> None:
    tokens = confidential_tokens(public_idp, username)
    hashed = secret_hash(claims(tokens["IdToken"])["sub"])
    assert refresh(public_idp, tokens["RefreshToken"], "2confidential", SECRET_HASH=hashed)


def test_a_client_with_a_secret_does_not_refresh_without(public_idp: Any, username: str) -> None:
    tokens = confidential_tokens(public_idp, username)
    with raises_client_error("NotAuthorizedException"):
        refresh(public_idp, tokens["RefreshToken"], "2confidential")


def test_the_newer_operation_takes_the_secret_itself(public_idp: Any, username: str) -> None:
    tokens = confidential_tokens(public_idp, username)
    assert "AccessToken" in renew(public_idp, tokens["RefreshToken"], "2confidential", ClientSecret=SECRET)
    with raises_client_error("NotAuthorizedException", "Unable to verify secret for client 2confidential"):
        renew(public_idp, tokens["RefreshToken"], "2confidential", ClientSecret="x" * 24)


def test_a_rotating_client_gets_a_new_refresh_token_that_works(public_idp: Any, users: Users, username: str) -> None:
    tokens = users.tokens(username, "5rotating")
    second = renew(public_idp, tokens["RefreshToken"], "5rotating")["RefreshToken"]
    assert second != tokens["RefreshToken"]
    assert "RefreshToken" in renew(public_idp, second, "5rotating")


def test_a_replaced_refresh_token_works_for_its_grace(
    public_idp: Any, users: Users, username: str, clock: Clock
) -> None:
    first = users.tokens(username, "5rotating")["RefreshToken"]
    renew(public_idp, first, "5rotating")
    clock.pass_seconds(9)
    assert "RefreshToken" in renew(public_idp, first, "5rotating")
    clock.pass_seconds(2)
    with raises_client_error("RefreshTokenReuseException"):
        renew(public_idp, first, "5rotating")


def test_rotation_does_not_lengthen_a_sign_in(public_idp: Any, users: Users, username: str, clock: Clock) -> None:
    first = users.tokens(username, "5rotating")["RefreshToken"]
    clock.pass_seconds(20 * 86_400)
    second = renew(public_idp, first, "5rotating")["RefreshToken"]
    clock.pass_seconds(10 * 86_400)
    with raises_client_error("NotAuthorizedException", "Refresh Token has expired"):
        renew(public_idp, second, "5rotating")


def test_a_rotating_client_has_no_refresh_flow(public_idp: Any, users: Users, username: str) -> None:
    tokens = users.tokens(username, "5rotating")
    with raises_client_error("InvalidParameterException", "REFRESH_TOKEN_AUTH flow not enabled for this client"):
        refresh(public_idp, tokens["RefreshToken"], "5rotating")


def assert_dead(idp: Any, tokens: dict[str, str]) -> None:
    """Cognito's own APIs take neither token of the sign-in any more."""
    with raises_client_error("NotAuthorizedException", "Refresh Token has been revoked"):
        refresh(idp, tokens["RefreshToken"])
    with raises_client_error("NotAuthorizedException", "Access Token has been revoked"):
        idp.get_user(AccessToken=tokens["AccessToken"])


def test_a_revoked_sign_in_is_dead(public_idp: Any, tokens: dict[str, str]) -> None:
    public_idp.revoke_token(Token=tokens["RefreshToken"], ClientId="1public")
    assert_dead(public_idp, tokens)


def test_revoking_ends_one_sign_in_alone(public_idp: Any, users: Users, username: str, tokens: dict[str, str]) -> None:
    other = users.tokens(username)
    public_idp.revoke_token(Token=other["RefreshToken"], ClientId="1public")
    assert public_idp.get_user(AccessToken=tokens["AccessToken"])["Username"] == username


def test_revoking_twice_is_fine(public_idp: Any, tokens: dict[str, str]) -> None:
    for _ in range(2):
        public_idp.revoke_token(Token=tokens["RefreshToken"], ClientId="1public")


def test_only_refresh_tokens_are_revoked(public_idp: Any, tokens: dict[str, str]) -> None:
    with raises_client_error("UnsupportedTokenTypeException"):
        public_idp.revoke_token(Token=tokens["AccessToken"], ClientId="1public")


def test_a_client_revokes_its_own_tokens_alone(public_idp: Any, tokens: dict[str, str]) -> None:
    with raises_client_error("UnauthorizedException"):
        public_idp.revoke_token(Token=tokens["RefreshToken"], ClientId="3frugal")
    assert public_idp.get_user(AccessToken=tokens["AccessToken"])


def test_a_client_without_revocation_says_so(public_idp: Any, users: Users, username: str) -> None:
    tokens = users.tokens(username, "7eternal")
    with raises_client_error("UnsupportedOperationException"):
        public_idp.revoke_token(Token=tokens["RefreshToken"], ClientId="7eternal")


def test_a_global_sign_out_ends_every_sign_in(
    public_idp: Any, users: Users, username: str, tokens: dict[str, str]
) -> None:
    other = users.tokens(username)
    public_idp.global_sign_out(AccessToken=other["AccessToken"])
    assert_dead(public_idp, tokens)
    assert_dead(public_idp, other)


def test_an_administrator_signs_a_person_out(idp: Any, username: str, tokens: dict[str, str]) -> None:
    idp.admin_user_global_sign_out(UserPoolId=POOL_ID, Username=username)
    assert_dead(idp, tokens)


def test_a_person_signs_in_again_after_it(idp: Any, users: Users, username: str, tokens: dict[str, str]) -> None:
    idp.admin_user_global_sign_out(UserPoolId=POOL_ID, Username=username)
    assert idp.get_user(AccessToken=users.tokens(username)["AccessToken"])["Username"] == username


def test_disabling_ends_every_sign_in_for_good(idp: Any, username: str, tokens: dict[str, str]) -> None:
    idp.admin_disable_user(UserPoolId=POOL_ID, Username=username)
    assert_dead(idp, tokens)
    idp.admin_enable_user(UserPoolId=POOL_ID, Username=username)
    assert_dead(idp, tokens)


def test_a_disabled_persons_token_is_refused_even_while_its_sign_in_lasts(
    emulator: Emulator, public_idp: Any, username: str, tokens: dict[str, str]
) -> None:
    user = emulator.service.pools.find_moto_user(POOL_ID, username)
    assert user is not None
    user.enabled = False  # as if an administrator were between two steps
    with raises_client_error("NotAuthorizedException", "Access Token has been revoked"):
        public_idp.get_user(AccessToken=tokens["AccessToken"])


def test_a_deleted_person_is_signed_out(idp: Any, username: str, tokens: dict[str, str]) -> None:
    idp.admin_delete_user(UserPoolId=POOL_ID, Username=username)
    assert_dead(idp, tokens)


def test_user_info_refuses_what_has_been_revoked(emulator: Emulator, username: str) -> None:
    client = emulator.service.client("1public")
    user = emulator.service.pools.find_moto_user(POOL_ID, username)
    assert client is not None
    assert user is not None
    person = emulator.service.pools.to_user(user)
    issued = emulator.service.issue(client, person, scopes=("openid", "email"))

    def status() -> int:
        headers = {"Authorization": f"Bearer {issued['access_token']}"}
        return requests.get(f"{emulator.domain}/oauth2/userInfo", headers=headers, timeout=30).status_code

    assert status() == 200
    emulator.service.sign_out_everywhere(person)
    assert status() == 401


def test_an_expired_access_token_is_told_so(public_idp: Any, tokens: dict[str, str], clock: Clock) -> None:
    clock.pass_seconds(300)
    with raises_client_error("NotAuthorizedException", "Access Token has expired"):
        public_idp.get_user(AccessToken=tokens["AccessToken"])


@pytest.mark.parametrize("kind", ["IdToken", "RefreshToken"])
def test_another_kind_of_token_is_no_access_token(public_idp: Any, tokens: dict[str, str], kind: str) -> None:
    with raises_client_error("NotAuthorizedException", "Invalid Access Token"):
        public_idp.get_user(AccessToken=tokens[kind])


def test_an_id_token_under_the_key_of_access_tokens_is_no_access_token(
    emulator: Emulator, public_idp: Any, tokens: dict[str, str]
) -> None:
    raw = emulator.sign(POOL_ID, {**claims(tokens["AccessToken"]), "token_use": "id"})
    with raises_client_error("NotAuthorizedException", "Invalid Access Token"):
        public_idp.get_user(AccessToken=raw)


def test_a_tampered_access_token_is_refused(public_idp: Any, tokens: dict[str, str]) -> None:
    head, body, signature = tokens["AccessToken"].split(".")
    with raises_client_error("NotAuthorizedException", "Invalid Access Token"):
        public_idp.get_user(AccessToken=f"{head}.{body}.{signature[::-1]}")


def test_a_signed_token_of_no_sign_in_is_refused(emulator: Emulator, public_idp: Any, tokens: dict[str, str]) -> None:
    raw = emulator.sign(POOL_ID, {**claims(tokens["AccessToken"]), "origin_jti": "unknown"})
    with raises_client_error("NotAuthorizedException", "Access Token has been revoked"):
        public_idp.get_user(AccessToken=raw)


def test_an_access_token_without_the_admin_scope_is_refused(
    emulator: Emulator, public_idp: Any, tokens: dict[str, str]
) -> None:
    raw = emulator.sign(POOL_ID, {**claims(tokens["AccessToken"]), "scope": "openid"})
    with raises_client_error("NotAuthorizedException", "Access Token does not have required scopes"):
        public_idp.get_user(AccessToken=raw)
