"""Facts about the user-pool API: refresh, rotation, sign-out, errors and user filters."""

from .pool import Client, ContractPool, read_error
from .registry import UnmetRequirementError, fact


def _refresh(pool: ContractPool, client: Client, refresh_token: str) -> dict[str, str]:
    secret = {"ClientSecret": client.secret} if client.secret else {}
    arguments = {"RefreshToken": refresh_token, "ClientId": client.id, **secret}
    result: dict[str, str] = pool.call_public("get_tokens_from_refresh_token", **arguments)["AuthenticationResult"]
    return result


@fact("GetTokensFromRefreshToken accepts a refresh token of the hosted UI", used_by="sessions/refresh/drivers.py")
def check_hosted_ui_refresh_token_at_api(pool: ContractPool) -> str:
    result = _refresh(pool, pool.web_client, pool.hosted_ui_tokens["refresh_token"])
    assert result["AccessToken"], sorted(result)
    return ", ".join(sorted(result))


@fact(
    "with rotation a refresh returns a new refresh token; the old one still works",
    used_by="sessions/refresh/drivers.py",
)
def check_rotation(pool: ContractPool) -> str:
    first = pool.sign_in_by_api(pool.rotating_client)["RefreshToken"]
    second = _refresh(pool, pool.rotating_client, first)["RefreshToken"]
    assert second != first, "the same refresh token"
    _refresh(pool, pool.rotating_client, first)  # in the grace period
    return "a new token; the old one was accepted again"


@fact("a rotating client refuses REFRESH_TOKEN_AUTH", used_by="docs/real-pool.md")
def check_rotation_refuses_the_old_flow(pool: ContractPool) -> str:
    raw = pool.sign_in_by_api(pool.rotating_client)["RefreshToken"]
    arguments = {"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": {"REFRESH_TOKEN": raw}}
    return read_error(lambda: pool.call_public("initiate_auth", ClientId=pool.rotating_client.id, **arguments))


@fact("a wrong client secret is NotAuthorizedException about the client", used_by="core/auth_api/api_errors.py")
def check_wrong_secret(pool: ContractPool) -> str:
    wrong = Client(pool.api_client.id, "w" * 40)
    error = read_error(lambda: _refresh(pool, wrong, pool.api_tokens["RefreshToken"]))
    assert error.startswith("NotAuthorizedException"), error
    assert any(word in error.lower() for word in ("secret", "client")), error
    return error


@fact("GlobalSignOut ends access tokens at the API and refresh tokens", used_by="sessions/ending/revocation.py")
def check_global_sign_out(pool: ContractPool) -> str:
    tokens = pool.sign_in_by_api(pool.api_client)
    pool.call_public("global_sign_out", AccessToken=tokens["AccessToken"])
    get_user = read_error(lambda: pool.call_public("get_user", AccessToken=tokens["AccessToken"]))
    refresh = read_error(lambda: _refresh(pool, pool.api_client, tokens["RefreshToken"]))
    assert get_user.startswith("NotAuthorizedException"), get_user
    assert "token has been revoked" in get_user.lower(), get_user  # otherwise a live check has no answer
    assert refresh.startswith("NotAuthorizedException"), refresh
    return f"{get_user} / {refresh}"


@fact("RevokeToken refuses a wrong client secret and names it", used_by="core/auth_api/api_errors.py")
def check_wrong_secret_of_a_revocation(pool: ContractPool) -> str:
    raw = pool.sign_in_by_api(pool.api_client)["RefreshToken"]
    arguments = {"Token": raw, "ClientId": pool.api_client.id, "ClientSecret": "w" * 40}
    error = read_error(lambda: pool.call_public("revoke_token", **arguments))
    assert error.startswith(("NotAuthorizedException", "UnauthorizedException")), error
    assert "secret" in error.lower(), error
    return error


@fact("the refresh of a disabled user states that the user is disabled", used_by="core/auth_api/api_errors.py")
def check_refresh_of_a_disabled_user(pool: ContractPool) -> str:
    raw = pool.sign_in_by_api(pool.api_client)["RefreshToken"]
    pool.call("admin_disable_user", Username=pool.username)
    try:
        error = read_error(lambda: _refresh(pool, pool.api_client, raw))
    finally:
        pool.call("admin_enable_user", Username=pool.username)
    assert error.startswith("NotAuthorizedException"), error
    assert "disabled" in error.lower(), error
    return error


@fact("GetUser of a disabled user names a revoked token or the user", used_by="core/auth_api/api_errors.py")
def check_get_user_of_a_disabled_user(pool: ContractPool) -> str:
    raw = pool.sign_in_by_api(pool.api_client)["AccessToken"]
    pool.call("admin_disable_user", Username=pool.username)
    try:
        error = read_error(lambda: pool.call_public("get_user", AccessToken=raw))
    finally:
        pool.call("admin_enable_user", Username=pool.username)
    assert error.startswith("NotAuthorizedException"), error
    assert any(words in error.lower() for words in ("token has been revoked", "user is disabled")), error
    return error


@fact('ListUsers filters by the beginning of `sub` (`sub ^= "..."`)', used_by="core/directory.py")
def check_filter_by_sub_prefix(pool: ContractPool) -> str:
    users = pool.call("list_users", Filter=f'sub ^= "{pool.sub[:8]}"', Limit=60)["Users"]
    assert any(user["Username"] == pool.username for user in users), f"{len(users)} users"
    return f"{len(users)} users"


@fact("the administrator's operations accept `sub` as the username", used_by="core/directory.py")
def check_sub_as_username(pool: ContractPool) -> str:
    user = pool.call("admin_get_user", Username=pool.sub)
    assert user["Username"] == pool.username, "another user"
    return "the same user"


@fact(
    "an e-mail address that an administrator changes becomes unverified", used_by="users/attributes/contact_claims.py"
)
def check_changed_email(pool: ContractPool) -> str:
    if "email" in pool.description.get("UsernameAttributes", ()):
        raise UnmetRequirementError("the e-mail address is the sign-in name of this pool")
    attributes = [{"Name": "email", "Value": f"new-{pool.email}"}]
    pool.call("admin_update_user_attributes", Username=pool.username, UserAttributes=attributes)
    stored = pool.call("admin_get_user", Username=pool.username)["UserAttributes"]
    verified = {item["Name"]: item["Value"] for item in stored}.get("email_verified", "absent")
    restored = [{"Name": "email", "Value": pool.email}, {"Name": "email_verified", "Value": "true"}]
    pool.call("admin_update_user_attributes", Username=pool.username, UserAttributes=restored)
    assert verified != "true", verified
    return f"email_verified: {verified}"
