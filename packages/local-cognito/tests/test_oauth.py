"""The OAuth endpoints that apps call: token, userInfo, revoke."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from local_cognito_support.hosted_site import (
    ALL_SCOPES,
    CALLBACK,
    VERIFIER,
    Browser,
    Site,
    basic_credentials,
    is_oauth_error,
    read_query,
    read_unverified,
    running_site,
)


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


def user_info(site: Site, raw: str, method: str = "GET") -> requests.Response:
    """Return the response of userInfo to a bearer token."""
    url = f"{site.url}/oauth2/userInfo"
    return requests.request(method, url, headers={"Authorization": f"Bearer {raw}"}, timeout=30)


def test_code_is_redeemed_for_three_tokens(site: Site) -> None:
    answer = site.redeem(site.sign_in())
    tokens = answer.json()
    assert set(tokens) == {"access_token", "id_token", "refresh_token", "token_type", "expires_in"}
    assert (answer.status_code, tokens["token_type"], tokens["expires_in"]) == (200, "Bearer", 3600)
    assert (
        read_unverified(tokens["id_token"])["aud"]
        == read_unverified(tokens["access_token"])["client_id"]
        == site.public.id
    )
    assert answer.headers["Cache-Control"] == "no-store"


def test_code_is_refused_the_second_time(site: Site) -> None:
    code = site.sign_in()
    assert site.redeem(code).status_code == 200
    assert is_oauth_error(site.redeem(code), "invalid_grant")


def test_concurrent_redemptions_of_a_code_get_tokens_once(site: Site) -> None:
    code, statuses = site.sign_in(), []
    threads = [threading.Thread(target=lambda: statuses.append(site.redeem(code).status_code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [400] * 7


def test_code_expires_after_five_minutes(site: Site) -> None:
    late, in_time = site.sign_in(), site.sign_in()
    site.clock.pass_seconds(299)
    assert site.redeem(in_time).status_code == 200
    site.clock.pass_seconds(1)
    assert is_oauth_error(site.redeem(late), "invalid_grant")


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "myapp://callback"},
        {"code_verifier": "another-verifier-of-forty-three-characters-0123456789"},
        {"code_verifier": ""},
        {"code_verifier": None},
        {"code": "00000000-0000-0000-0000-000000000000"},
    ],
)
def test_code_is_bound_to_its_authorization_request(site: Site, changes: dict[str, str | None]) -> None:
    code = site.sign_in()
    assert is_oauth_error(site.redeem(code, **changes), "invalid_grant")


def test_code_is_bound_to_its_client(site: Site) -> None:
    assert is_oauth_error(site.redeem(site.sign_in(), site.confidential), "invalid_grant")


def test_code_with_wrong_verifier_is_used_up(site: Site) -> None:
    code = site.sign_in()
    site.redeem(code, code_verifier="another-verifier-of-forty-three-characters-0123456789")
    assert is_oauth_error(site.redeem(code), "invalid_grant")


def test_code_without_pkce_is_redeemed_without_verifier(site: Site) -> None:
    code = site.sign_in(code_challenge=None, code_challenge_method=None)
    assert site.redeem(code, code_verifier=None).status_code == 200


def test_verifier_for_a_code_without_challenge_is_refused(site: Site) -> None:
    code = site.sign_in(code_challenge=None, code_challenge_method=None)
    assert is_oauth_error(site.redeem(code), "invalid_grant")


@pytest.mark.parametrize("change", ["disabled", "deleted"])
def test_code_of_a_disabled_or_deleted_user_is_refused(site: Site, change: str) -> None:
    code = site.sign_in()
    if change == "disabled":
        site.user("alice").enabled = False
    else:
        site.service.pools.backend("eu-west-1").admin_delete_user(site.public.pool_id, "alice")
    assert is_oauth_error(site.redeem(code), "invalid_grant")


@pytest.mark.parametrize("missing", ["grant_type", "client_id", "code", "redirect_uri"])
def test_missing_token_request_field_is_invalid_request(site: Site, missing: str) -> None:
    code = site.sign_in()
    assert is_oauth_error(site.redeem(code, **{missing: None}), "invalid_request")


def test_repeated_token_request_field_is_invalid_request(site: Site) -> None:
    fields = [("grant_type", "refresh_token"), ("refresh_token", "garbage"), *[("client_id", site.public.id)] * 2]
    assert is_oauth_error(requests.post(f"{site.url}/oauth2/token", data=fields, timeout=30), "invalid_request")


def test_json_token_request_is_invalid_request(site: Site) -> None:
    answer = requests.post(f"{site.url}/oauth2/token", json={"grant_type": "refresh_token"}, timeout=30)
    assert is_oauth_error(answer, "invalid_request")


@pytest.mark.parametrize(
    ("grant_type", "error"),
    [("password", "unsupported_grant_type"), ("client_credentials", "unauthorized_client")],
)
def test_other_grant_types_are_refused(site: Site, grant_type: str, error: str) -> None:
    assert is_oauth_error(site.post("/oauth2/token", grant_type=grant_type, client_id=site.public.id), error)


def test_client_without_code_flow_cannot_redeem_a_code(site: Site) -> None:
    code = site.sign_in()
    client = site.service.pools.get(site.public.pool_id).clients[site.public.id]
    client.extended_config["AllowedOAuthFlows"] = []
    assert is_oauth_error(site.redeem(code), "unauthorized_client")


def test_refresh_grant_returns_new_tokens_without_refresh_token(site: Site) -> None:
    first = site.tokens()
    site.clock.pass_seconds(100)
    fields = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "client_id": site.public.id}
    second = site.post("/oauth2/token", **fields).json()
    assert set(second) == {"access_token", "id_token", "token_type", "expires_in"}
    before, after = read_unverified(first["access_token"]), read_unverified(second["access_token"])
    assert after["iat"] == before["iat"] + 100
    assert (after["auth_time"], after["scope"]) == (before["auth_time"], before["scope"])


def test_refresh_preserves_the_resource(site: Site) -> None:
    raw = site.tokens(resource="https://api.example.com")["refresh_token"]
    for _ in range(2):
        answer = site.post("/oauth2/token", grant_type="refresh_token", refresh_token=raw, client_id=site.public.id)
        assert read_unverified(answer.json()["access_token"])["aud"] == "https://api.example.com"


def test_refresh_token_of_another_client_is_refused(site: Site) -> None:
    raw = site.tokens()["refresh_token"]
    fields = {"grant_type": "refresh_token", "refresh_token": raw}
    assert is_oauth_error(
        requests.post(f"{site.url}/oauth2/token", data=fields, auth=basic_credentials(site), timeout=30),
        "invalid_grant",
    )


@pytest.mark.parametrize(("raw", "error"), [("garbage", "invalid_grant"), (None, "invalid_request")])
def test_invalid_refresh_token_is_refused(site: Site, raw: str | None, error: str) -> None:
    answer = site.post("/oauth2/token", grant_type="refresh_token", refresh_token=raw, client_id=site.public.id)
    assert is_oauth_error(answer, error)


def test_revocation_invalidates_refresh_and_access_token(site: Site) -> None:
    tokens = site.tokens()
    answer = site.post("/oauth2/revoke", token=tokens["refresh_token"], client_id=site.public.id)
    assert (answer.status_code, answer.content) == (200, b"")
    fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": site.public.id}
    assert is_oauth_error(site.post("/oauth2/token", **fields), "invalid_grant")
    assert user_info(site, tokens["access_token"]).status_code == 401


def test_revocation_of_revoked_or_invalid_token_is_200(site: Site) -> None:
    raw = site.tokens()["refresh_token"]
    for token in (raw, raw, "garbage"):
        assert site.post("/oauth2/revoke", token=token, client_id=site.public.id).status_code == 200


def test_access_token_cannot_be_revoked(site: Site) -> None:
    answer = site.post("/oauth2/revoke", token=site.tokens()["access_token"], client_id=site.public.id)
    assert is_oauth_error(answer, "unsupported_token_type")


def test_revocation_without_token_is_invalid_request(site: Site) -> None:
    assert is_oauth_error(site.post("/oauth2/revoke", client_id=site.public.id), "invalid_request")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_user_info_returns_claims_with_booleans_as_strings(site: Site, method: str) -> None:
    tokens = site.tokens()
    claims = user_info(site, tokens["access_token"], method).json()
    assert claims["sub"] == read_unverified(tokens["access_token"])["sub"]
    assert (claims["username"], claims["email"]) == ("alice", "alice@example.com")
    assert claims["email_verified"] == "true"


@pytest.mark.parametrize(
    ("scope", "included", "excluded"),
    [
        ("openid", {"email", "name"}, set()),
        ("openid email", {"email"}, {"name"}),
        ("openid profile", {"name"}, {"email"}),
    ],
)
def test_user_info_returns_only_claims_of_the_scopes(
    site: Site, scope: str, included: set[str], excluded: set[str]
) -> None:
    claims = set(user_info(site, site.tokens(scope=scope)["access_token"]).json())
    assert included <= claims
    assert not excluded & claims


def test_user_info_refuses_a_token_without_openid_scope(site: Site) -> None:
    raw = site.tokens(scope="aws.cognito.signin.user.admin")["access_token"]
    assert user_info(site, raw).status_code == 401


def test_user_info_with_expired_token_has_the_error_of_cognito(site: Site) -> None:
    raw = site.tokens()["access_token"]
    site.clock.pass_seconds(3600)
    answer = user_info(site, raw)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == (
        'error="invalid_token", error_description="Access token is expired, disabled, or deleted, '
        'or the user has globally signed out."'
    )


@pytest.mark.parametrize("kind", ["id_token", "refresh_token"])
def test_user_info_refuses_id_and_refresh_tokens(site: Site, kind: str) -> None:
    assert user_info(site, site.tokens()[kind]).status_code == 401


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer"}, {"Authorization": "Basic YTpi"}])
def test_user_info_without_bearer_token_is_invalid_request(site: Site, headers: dict[str, str]) -> None:
    answer = requests.get(f"{site.url}/oauth2/userInfo", headers=headers, timeout=30)
    assert answer.status_code == 400
    assert answer.headers["WWW-Authenticate"].startswith('error="invalid_request"')


@pytest.mark.parametrize("path", ["token", "revoke", "userInfo"])
def test_loopback_origin_may_call_oauth_endpoints(site: Site, path: str) -> None:
    headers = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    headers["Access-Control-Request-Headers"] = "authorization,x-amz-user-agent"
    preflight = requests.options(f"{site.url}/oauth2/{path}", headers=headers, timeout=30)
    answer = requests.post(f"{site.url}/oauth2/{path}", headers={"Origin": "http://localhost:3000"}, timeout=30)
    assert preflight.headers["Access-Control-Allow-Headers"] == "authorization,x-amz-user-agent"
    assert {response.headers["Access-Control-Allow-Origin"] for response in (preflight, answer)} == {
        "http://localhost:3000"
    }
    assert len(answer.headers["x-amz-cognito-request-id"]) == 36


@pytest.mark.parametrize("path", ["/oauth2/authorize", "/login", "/logout", "/error"])
def test_pages_have_no_cors_header(site: Site, path: str) -> None:
    answer = requests.get(site.url + path, headers={"Origin": "http://localhost:3000"}, timeout=30)
    assert "Access-Control-Allow-Origin" not in answer.headers


def authlib_tokens(site: Site, method: str) -> tuple[Any, dict[str, Any]]:
    """Sign in as the confidential client with PKCE and return Authlib's session and the tokens."""
    session = OAuth2Session(
        site.confidential.id,
        site.confidential.secret,
        scope=" ".join(ALL_SCOPES),
        redirect_uri=CALLBACK,
        token_endpoint_auth_method=method,
        code_challenge_method="S256",
    )
    url, state = session.create_authorization_url(f"{site.url}/oauth2/authorize", code_verifier=VERIFIER)
    with Browser(site) as browser:
        browser.open("/oauth2/authorize", **read_query(url))
        callback_url = browser.sign_in().headers["Location"]
    tokens = session.fetch_token(
        f"{site.url}/oauth2/token", authorization_response=callback_url, code_verifier=VERIFIER, state=state
    )
    return session, tokens


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_signs_in_refreshes_and_revokes(site: Site, method: str) -> None:
    session, tokens = authlib_tokens(site, method)
    with session:
        assert read_unverified(tokens["id_token"])["email"] == "alice@example.com"
        assert session.get(f"{site.url}/oauth2/userInfo").json()["username"] == "alice"
        refreshed = session.refresh_token(f"{site.url}/oauth2/token", refresh_token=tokens["refresh_token"])
        assert read_unverified(refreshed["access_token"])["sub"] == read_unverified(tokens["access_token"])["sub"]
        assert session.revoke_token(f"{site.url}/oauth2/revoke", token=tokens["refresh_token"]).status_code == 200
