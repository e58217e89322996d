"""Facts about the hosted UI, the token endpoint, userInfo, revocation and sign-out."""

from urllib.parse import urlencode

from .hosted_ui import CALLBACK_URL
from .pool import ContractPool
from .registry import UnmetRequirementError, fact


@fact("a state of 1,536 characters comes back unchanged", used_by="login/state.py")
def check_long_state(pool: ContractPool) -> str:
    state = "s" * 1_536
    received = pool.sign_in_at_hosted_ui(state=state).params["state"]
    assert received == state, f"{len(received)} characters"
    return "1,536 characters"


@fact("the nonce of the authorization request is in the ID token", used_by="users/authentication.py")
def check_nonce(pool: ContractPool) -> str:
    token = pool.verifier.verify(pool.hosted_ui_tokens["id_token"], token_use="id")
    assert token.claims["nonce"] == "a-nonce", token.claims.get("nonce")
    return "equal"


@fact("a code can be used once; then it is `invalid_grant`", used_by="login/flow.py")
def check_code_is_used_once(pool: ContractPool) -> str:
    result = pool.sign_in_at_hosted_ui()
    first, second = pool.redeem_code(result), pool.redeem_code(result)
    assert (first.status_code, second.status_code) == (200, 400), (first.status_code, second.status_code)
    assert second.json()["error"] == "invalid_grant", second.text
    return second.text


@fact("a client that is refused for its secret does not consume the code", used_by="core/hosted_ui.py")
def check_refused_client_keeps_the_code(pool: ContractPool) -> str:
    result = pool.sign_in_at_hosted_ui()
    form = {"grant_type": "authorization_code", "code": result.params["code"], "redirect_uri": CALLBACK_URL}
    form["code_verifier"] = result.code_verifier
    refused = pool.post("/oauth2/token", pool.web_client, secret="w" * 40, **form)
    assert refused.json()["error"] == "invalid_client", refused.text
    accepted = pool.redeem_code(result)
    assert accepted.status_code == 200, accepted.text
    return f"refused with {refused.status_code}, then accepted"


@fact("a wrong code verifier is `invalid_grant`", used_by="core/hosted_ui.py")
def check_code_verifier(pool: ContractPool) -> str:
    response = pool.redeem_code(pool.sign_in_at_hosted_ui(), code_verifier="w" * 64)
    assert response.json()["error"] == "invalid_grant", response.text
    return f"{response.status_code} {response.text}"


@fact("another redirect URI than that of the authorization request is refused", used_by="core/hosted_ui.py")
def check_redirect_uri_at_token_endpoint(pool: ContractPool) -> str:
    response = pool.redeem_code(pool.sign_in_at_hosted_ui(), redirect_uri=CALLBACK_URL + "other/")
    assert response.status_code == 400, response.text
    return response.text


@fact("a scope that the client does not allow comes back as `invalid_scope`", used_by="login/failures.py")
def check_unknown_scope(pool: ContractPool) -> str:
    url = pool.browser.open(pool.web_client.id, scope="openid phone")
    assert url.startswith(CALLBACK_URL), url
    assert "error=invalid_scope" in url, url
    return "error=invalid_scope"


@fact("a redirect URI that is not registered is an error page of Cognito, not a redirect", used_by="login/failures.py")
def check_unknown_redirect_uri(pool: ContractPool) -> str:
    url = pool.browser.open(pool.web_client.id, redirect_uri=CALLBACK_URL + "other/")
    assert url.startswith(pool.domain), url
    return url.partition("?")[0].removeprefix(pool.domain) or "/"


@fact("`prompt=none` without a session comes back as `login_required` (managed login)", used_by="web/silent.py")
def check_silent_sign_in(pool: ContractPool) -> str:
    url = pool.browser.open(pool.web_client.id, prompt="none")
    if not url.startswith(CALLBACK_URL):
        raise UnmetRequirementError("the domain has the classic hosted UI, which ignores prompt")
    assert "error=login_required" in url, url
    return "error=login_required"


@fact("the session cookie of the hosted UI lasts one hour", used_by="docs/signing-in.md")
def check_session_cookie(pool: ContractPool) -> str:
    cookies = pool.sign_in_at_hosted_ui().cookie_seconds
    seconds = max((value for name, value in cookies.items() if name.startswith("cognito")), default=0)
    assert 3_500 < seconds <= 3_660, cookies
    return f"{seconds:.0f} s"


@fact(
    "without rotation a refresh returns new tokens, no refresh token and no nonce",
    used_by="sessions/refresh/drivers.py",
)
def check_refresh(pool: ContractPool) -> str:
    form = {"grant_type": "refresh_token", "refresh_token": pool.hosted_ui_tokens["refresh_token"]}
    tokens = pool.post("/oauth2/token", pool.web_client, **form).json()
    assert tokens.keys() == {"access_token", "id_token", "token_type", "expires_in"}, sorted(tokens)
    id_token = pool.verifier.verify(tokens["id_token"], token_use="id")
    old = pool.verifier.verify(pool.hosted_ui_tokens["id_token"], token_use="id")
    assert id_token.auth_time == old.auth_time, (id_token.auth_time, old.auth_time)
    assert id_token.claims["origin_jti"] == old.claims["origin_jti"]
    return f"nonce: {'present' if 'nonce' in id_token.claims else 'absent'}; same auth_time and origin_jti"


@fact("a refresh token of the API is accepted at the token endpoint", used_by="sessions/refresh/drivers.py")
def check_api_refresh_token_at_token_endpoint(pool: ContractPool) -> str:
    form = {"grant_type": "refresh_token", "refresh_token": pool.api_tokens["RefreshToken"]}
    response = pool.post("/oauth2/token", pool.api_client, **form)
    assert response.status_code == 200, response.text
    return f"{response.status_code}"


@fact("a client secret in the body is accepted as well as HTTP Basic", used_by="core/hosted_ui.py")
def check_client_secret_post(pool: ContractPool) -> str:
    form = {"grant_type": "refresh_token", "refresh_token": pool.hosted_ui_tokens["refresh_token"]}
    form["client_secret"] = pool.web_client.secret
    response = pool.post("/oauth2/token", pool.web_client, secret="", **form)
    assert response.status_code == 200, response.text
    return f"{response.status_code}"


@fact("revocation answers 200, also for a token that is none, and ends the refresh token", used_by="core/hosted_ui.py")
def check_revocation(pool: ContractPool) -> str:
    tokens = pool.redeem_code(pool.sign_in_at_hosted_ui()).json()
    revoked = pool.post("/oauth2/revoke", pool.web_client, token=tokens["refresh_token"])
    assert revoked.status_code == 200, revoked.text
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    refreshed = pool.post("/oauth2/token", pool.web_client, **form)
    assert refreshed.json()["error"] == "invalid_grant", refreshed.text
    again = pool.post("/oauth2/revoke", pool.web_client, token=tokens["refresh_token"])
    assert again.status_code == 200, again.text
    return "200, invalid_grant, 200"


@fact("userInfo accepts an access token with `openid`; `email_verified` is a string", used_by="core/hosted_ui.py")
def check_user_info(pool: ContractPool) -> str:
    access_token = pool.hosted_ui_tokens["access_token"]
    claims = pool.get("/oauth2/userInfo", Authorization=f"Bearer {access_token}").json()
    assert claims["sub"] == pool.sub, "another sub"
    assert claims["email_verified"] == "true", repr(claims["email_verified"])
    return ", ".join(sorted(claims))


@fact("userInfo refuses an access token of the API", used_by="docs/faq.md")
def check_user_info_of_api_token(pool: ContractPool) -> str:
    response = pool.get("/oauth2/userInfo", Authorization=f"Bearer {pool.api_tokens['AccessToken']}")
    assert response.status_code in (400, 401), response.status_code
    return f"{response.status_code}"


@fact("`/logout` redirects to a registered sign-out URL only", used_by="login/sign_out_page.py")
def check_logout(pool: ContractPool) -> str:
    query = {"client_id": pool.web_client.id, "logout_uri": CALLBACK_URL}
    registered = pool.get(f"/logout?{urlencode(query)}")
    assert registered.headers.get("Location") == CALLBACK_URL, registered.headers.get("Location")
    other = pool.get(f"/logout?{urlencode({**query, 'logout_uri': CALLBACK_URL + 'other/'})}")
    assert not other.headers.get("Location", "").startswith(CALLBACK_URL), other.headers.get("Location")
    return f"302, then {other.status_code}"


@fact("userInfo allows requests of all origins (CORS)", used_by="docs/requests.md")
def check_cors(pool: ContractPool) -> str:
    response = pool.get("/oauth2/userInfo", Origin="http://localhost:3000")
    allowed = response.headers.get("Access-Control-Allow-Origin")
    assert allowed in ("*", "http://localhost:3000"), allowed
    return allowed
