"""The hosted UI: exact URLs, and valid and invalid responses of its endpoints."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError
from operator import methodcaller
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from local_cognito_support.scripted_server import Answer, Drip, ScriptedServer, json_answer

from django_cognito.core import UserPool
from django_cognito.core.errors import CognitoUnavailableError, MalformedTokenError, SignInError, TokenError
from django_cognito.core.hosted_ui import HostedUi, SignInSecrets, TokenSet
from django_cognito.core.http import client
from django_cognito.core.http.client import Http, Response
from tests.support.clock import Clock
from tests.support.timeouts import patient_http

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))
SECRETS = SignInSecrets("the-state", "the-nonce", VECTORS["pkce"]["code_verifier"])
POOL = UserPool("eu-west-1_AbCdEfGhI", domain="login.example.com")
CALLBACK = "https://site.example/auth/callback/"
PATIENT = patient_http()
TOKENS = {
    "access_token": "the-access-token",
    "id_token": "the-id-token",
    "refresh_token": "the-refresh-token",
    "token_type": "Bearer",
    "expires_in": 3600,
}

Call = Callable[[HostedUi], Any]
EXCHANGE: Call = methodcaller("exchange_code", "the-code", redirect_uri=CALLBACK, code_verifier="v")
REFRESH: Call = methodcaller("refresh", "the-refresh-token")
REVOKE: Call = methodcaller("revoke", "the-refresh-token")
USER_INFO: Call = methodcaller("user_info", "the-access-token")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(json_answer(TOKENS)) as started:
        yield started


@pytest.fixture
def public(server: ScriptedServer) -> HostedUi:
    return HostedUi(UserPool("eu-west-1_AbCdEfGhI", domain=server.url), "1webclient", http=PATIENT)


@pytest.fixture
def confidential(server: ScriptedServer) -> HostedUi:
    pool = UserPool("eu-west-1_AbCdEfGhI", domain=server.url)
    return HostedUi(pool, VECTORS["basic"]["client_id"], VECTORS["basic"]["client_secret"], http=PATIENT)


# URLs


@pytest.mark.defends("RP-04")
@pytest.mark.parametrize(
    ("build", "path"),
    [
        (HostedUi.authorize_url, "/oauth2/authorize"),
        (HostedUi.sign_up_url, "/signup"),
        (HostedUi.forgot_password_url, "/forgotPassword"),
    ],
)
def test_sign_in_url_has_pkce_state_and_nonce(build: Callable[..., str], path: str) -> None:
    url = build(HostedUi(POOL, "1webclient"), SECRETS, redirect_uri=CALLBACK, scopes=["openid", "email"])
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "login.example.com", path)
    assert dict(parse_qsl(parts.query, strict_parsing=True)) == {
        "response_type": "code",
        "client_id": "1webclient",
        "redirect_uri": CALLBACK,
        "scope": "openid email",
        "state": "the-state",
        "nonce": "the-nonce",
        "code_challenge": VECTORS["pkce"]["code_challenge"],
        "code_challenge_method": "S256",
    }
    assert SECRETS.code_verifier not in url


def test_extra_parameters_are_passed_on_and_escaped() -> None:
    url = HostedUi(POOL, "1webclient").authorize_url(
        SECRETS, redirect_uri=CALLBACK, scopes=["openid"], identity_provider="Our IdP & more", lang="pt-BR"
    )
    assert parse_qs(urlsplit(url).query)["identity_provider"] == ["Our IdP & more"]
    assert "Our%20IdP%20%26%20more" in url


@pytest.mark.parametrize("name", ["state", "nonce", "code_challenge", "code_challenge_method", "response_type"])
def test_security_parameters_cannot_be_replaced(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} cannot be given"):
        HostedUi(POOL, "c").authorize_url(SECRETS, redirect_uri=CALLBACK, scopes=["openid"], **{name: "x"})


def test_resource_is_a_parameter_if_the_pool_has_one() -> None:
    bound = UserPool("eu-west-1_AbCdEfGhI", domain="login.example.com", resource="https://api.example.com")
    for pool, expected in ((bound, ["https://api.example.com"]), (POOL, None)):
        url = HostedUi(pool, "1webclient").authorize_url(SECRETS, redirect_uri=CALLBACK, scopes=["openid"])
        assert parse_qs(urlsplit(url).query, keep_blank_values=True).get("resource") == expected


@pytest.mark.parametrize("build", [HostedUi.authorize_url, HostedUi.sign_up_url, HostedUi.forgot_password_url])
def test_options_of_a_sign_in_url_are_keyword_only(build: Callable[..., str]) -> None:
    with pytest.raises(TypeError, match="positional"):
        build(HostedUi(POOL, "1webclient"), SECRETS, CALLBACK, ["openid"])


def test_options_are_keyword_only(public: HostedUi, server: ScriptedServer) -> None:
    with pytest.raises(TypeError, match="positional"):
        HostedUi(POOL, "1webclient", "", PATIENT)  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        public.exchange_code("the-code", CALLBACK, "v")  # type: ignore[misc]
    assert server.count == 0


def test_logout_url_has_client_id_and_logout_uri() -> None:
    url = HostedUi(POOL, "1webclient").logout_url("https://site.example/?bye=1")
    assert url == (
        "https://login.example.com/logout?client_id=1webclient&logout_uri=https%3A%2F%2Fsite.example%2F%3Fbye%3D1"
    )


def test_pool_without_domain_has_no_hosted_ui() -> None:
    with pytest.raises(ValueError, match="domain"):
        HostedUi(UserPool("eu-west-1_AbCdEfGhI"), "1webclient")


# Secrets


def test_new_secrets_are_unique_and_conform_to_rfc_7636() -> None:
    secrets = [SignInSecrets.new() for _ in range(100)]
    values = [value for secret in secrets for value in (secret.state, secret.nonce, secret.code_verifier)]
    assert len(set(values)) == 300
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", value) for value in values)


@pytest.mark.defends("RP-04")
def test_code_challenge_is_that_of_rfc_7636() -> None:
    assert SECRETS.code_challenge == VECTORS["pkce"]["code_challenge"]


@pytest.mark.defends("RP-20")
def test_reprs_show_no_secret(confidential: HostedUi) -> None:
    assert repr(SECRETS) == "SignInSecrets()"
    assert repr(TokenSet("a", "b", "c", 3600)) == "TokenSet(expires_in=3600)"
    assert VECTORS["basic"]["client_secret"] not in repr(confidential)


def test_secrets_and_token_set_are_immutable() -> None:
    tokens = TokenSet("a", "b", "c", 3600)
    with pytest.raises(FrozenInstanceError):
        SECRETS.state = "another"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        tokens.id_token = "another"  # type: ignore[misc]
    assert not hasattr(SECRETS, "__dict__")  # a tool that shows an object's variables shows no secret
    assert not hasattr(tokens, "__dict__")


# Tokens


def test_code_is_exchanged_for_tokens(public: HostedUi, server: ScriptedServer) -> None:
    assert EXCHANGE(public) == TokenSet("the-access-token", "the-id-token", "the-refresh-token", 3600)
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/oauth2/token")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(request.body.decode(), strict_parsing=True)) == {
        "grant_type": "authorization_code",
        "client_id": "1webclient",
        "code": "the-code",
        "redirect_uri": CALLBACK,
        "code_verifier": "v",
    }
    assert "authorization" not in request.headers


def test_refresh_token_is_exchanged_for_tokens(public: HostedUi, server: ScriptedServer) -> None:
    server.script(json_answer({name: value for name, value in TOKENS.items() if name != "refresh_token"}))
    assert REFRESH(public) == TokenSet("the-access-token", "the-id-token", None, 3600)
    assert dict(parse_qsl(server.requests[0].body.decode())) == {
        "grant_type": "refresh_token",
        "client_id": "1webclient",
        "refresh_token": "the-refresh-token",
    }


@pytest.mark.parametrize("call", [EXCHANGE, REFRESH, REVOKE])
def test_confidential_client_authenticates_with_basic_header(
    confidential: HostedUi, server: ScriptedServer, call: Call
) -> None:
    call(confidential)
    (request,) = server.requests
    assert request.headers["authorization"] == VECTORS["basic"]["header"]
    assert b"client_" not in request.body


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER"])
def test_token_type_is_case_insensitive(public: HostedUi, server: ScriptedServer, token_type: str) -> None:
    server.script(json_answer(TOKENS | {"token_type": token_type}))
    assert EXCHANGE(public)


@pytest.mark.parametrize("expires_in", [None, "3600", True, -5, 1.5, []])
def test_invalid_expires_in_is_zero(public: HostedUi, server: ScriptedServer, expires_in: Any) -> None:
    server.script(json_answer(TOKENS | {"expires_in": expires_in}))
    assert EXCHANGE(public).expires_in == 0


def test_expires_in_of_one_second_is_returned(public: HostedUi, server: ScriptedServer) -> None:
    server.script(json_answer(TOKENS | {"expires_in": 1}))
    assert EXCHANGE(public).expires_in == 1


@pytest.mark.parametrize("refresh_token", [None, "", 5])
def test_response_without_refresh_token_is_accepted(
    public: HostedUi, server: ScriptedServer, refresh_token: Any
) -> None:
    server.script(json_answer(TOKENS | {"refresh_token": refresh_token}))
    assert EXCHANGE(public).refresh_token is None


@pytest.mark.parametrize(
    "change",
    [{"id_token": None}, {"access_token": 5}, {"token_type": "mac"}, {"token_type": None}, {"token_type": ["bearer"]}],
)
@pytest.mark.parametrize("call", [EXCHANGE, REFRESH])
def test_response_without_tokens_is_refused(
    public: HostedUi, server: ScriptedServer, call: Call, change: dict[str, Any]
) -> None:
    server.script(json_answer(TOKENS | change))
    with pytest.raises(SignInError) as caught:
        call(public)
    assert (caught.value.code, caught.value.oauth_error) == ("malformed_response", None)


# Refusals and outages


@pytest.mark.parametrize("call", [EXCHANGE, REFRESH, REVOKE])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "invalid_grant"),
        (400, "invalid_client"),
        (401, "invalid_client"),
        (400, "unauthorized_client"),
        (400, "unsupported_token_type"),
        (428, "invalid_grant"),
        (430, "invalid_grant"),
        (499, "invalid_grant"),
    ],
)
def test_refusal_has_the_oauth_error_as_its_code(
    public: HostedUi, server: ScriptedServer, call: Call, status: int, error: str
) -> None:
    server.script(json_answer({"error": error}, status))
    with pytest.raises(SignInError) as caught:
        call(public)
    assert (caught.value.oauth_error, caught.value.code) == (error, error)


def test_refusal_with_unknown_oauth_error_has_the_general_code(public: HostedUi, server: ScriptedServer) -> None:
    server.script(json_answer({"error": "something_new"}, 400))
    with pytest.raises(SignInError) as caught:
        EXCHANGE(public)
    assert (caught.value.oauth_error, caught.value.code) == ("something_new", "sign_in_refused")


@pytest.mark.parametrize("call", [EXCHANGE, REFRESH, REVOKE, USER_INFO])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(json_answer({"error": "server_error"}, 500), id="500"),
        pytest.param(json_answer({"error": "server_error"}, 501), id="501"),
        pytest.param(json_answer({"error": "invalid_grant"}, 399), id="399"),
        pytest.param(Answer(103), id="103"),
        pytest.param(Answer(503, b"<html>"), id="503"),
        pytest.param(json_answer({"error": "slow_down"}, 429), id="429"),
        pytest.param(Answer(302, headers={"location": "https://attacker.invalid/"}), id="302"),
        pytest.param(json_answer(TOKENS, 307, location="https://attacker.invalid/"), id="307"),
        pytest.param(Answer(403, b"<html>blocked</html>"), id="a firewall's page"),
        pytest.param(json_answer({"message": "?"}, 404), id="no error code"),
        pytest.param(json_answer({"error": 5}, 404), id="an error that is not a string"),
        pytest.param(json_answer({"error": 'a "quoted" word'}, 404), id="an error with illegal characters"),
        pytest.param(json_answer({"error": "x" * 65}, 404), id="a long error"),
        pytest.param(json_answer(["error"], 404), id="not an object"),
        pytest.param(Answer(200, b"x" * 70_000), id="too long"),
    ],
)
def test_unexpected_response_is_unavailable(
    public: HostedUi, server: ScriptedServer, call: Call, answer: Answer
) -> None:
    server.script(answer)
    with pytest.raises(CognitoUnavailableError):
        call(public)
    assert server.count == 1


@pytest.mark.parametrize("call", [EXCHANGE, REFRESH, USER_INFO])
def test_status_below_200_is_no_success(public: HostedUi, monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    """Such a response has no body in HTTP, so no server can send one with tokens."""
    response = Response(103, {}, json.dumps(TOKENS).encode())
    monkeypatch.setattr(Http, "request", lambda *args, **options: response)
    with pytest.raises(CognitoUnavailableError, match="status 103"):
        call(public)


@pytest.mark.parametrize("call", [EXCHANGE, REFRESH, USER_INFO])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"\xff"])
def test_success_without_json_object_is_unavailable(
    public: HostedUi, server: ScriptedServer, call: Call, body: bytes
) -> None:
    server.script(Answer(200, body))
    with pytest.raises(CognitoUnavailableError):
        call(public)


@pytest.mark.parametrize("call", [EXCHANGE, REFRESH, REVOKE, USER_INFO])
def test_hosted_ui_that_is_too_slow_is_unavailable(server: ScriptedServer, call: Call) -> None:
    server.script(Drip(b"HTTP/1.1 200 OK\r\n\r\n"))
    http = Http(timeout_seconds=0.2)
    with pytest.raises(CognitoUnavailableError):
        call(HostedUi(UserPool("eu-west-1_AbCdEfGhI", domain=server.url), "1webclient", http=http))


@pytest.mark.defends("RP-20")
@pytest.mark.parametrize("call", [EXCHANGE, REFRESH, REVOKE, USER_INFO])
@pytest.mark.parametrize("answer", [json_answer({"error": "invalid_grant"}, 400), Answer(500, b"the-code")])
def test_errors_show_no_secret(confidential: HostedUi, server: ScriptedServer, call: Call, answer: Answer) -> None:
    server.script(answer)
    with pytest.raises((SignInError, TokenError, CognitoUnavailableError)) as caught:
        call(confidential)
    for secret in ("the-code", "the-refresh-token", "the-access-token", VECTORS["basic"]["client_secret"]):
        assert secret not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"


# Revocation and userInfo


def test_refresh_token_is_revoked(public: HostedUi, server: ScriptedServer) -> None:
    server.script(Answer(200))
    REVOKE(public)
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/oauth2/revoke")
    assert dict(parse_qsl(request.body.decode())) == {"client_id": "1webclient", "token": "the-refresh-token"}


@pytest.mark.parametrize(
    ("error", "code"), [("invalid_request", "revocation_disabled"), ("invalid_client", "invalid_client")]
)
def test_error_of_a_revocation_has_a_code(public: HostedUi, server: ScriptedServer, error: str, code: str) -> None:
    server.script(json_answer({"error": error}, 400))
    with pytest.raises(SignInError) as caught:
        REVOKE(public)
    assert caught.value.code == code


def test_user_info_request_has_the_token_in_its_header(public: HostedUi, server: ScriptedServer) -> None:
    server.script(json_answer({"sub": "s", "email_verified": "true"}))
    assert USER_INFO(public) == {"sub": "s", "email_verified": "true"}
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("GET", "/oauth2/userInfo", b"")
    assert request.headers["authorization"] == "Bearer the-access-token"


@pytest.mark.parametrize("status", [400, 401])
def test_user_info_with_expired_token_is_refused(public: HostedUi, server: ScriptedServer, status: int) -> None:
    server.script(json_answer({"error": "invalid_token"}, status))
    with pytest.raises(TokenError) as caught:
        USER_INFO(public)
    assert caught.value.code == "invalid_token"


@pytest.mark.parametrize("raw", ["", "a b", "a\r\nx: y", "é", "="])
def test_malformed_bearer_token_is_not_sent(public: HostedUi, server: ScriptedServer, raw: str) -> None:
    with pytest.raises(MalformedTokenError):
        public.user_info(raw)
    assert server.count == 0


# Sign-out everywhere


@pytest.fixture
def with_api(server: ScriptedServer) -> HostedUi:
    return HostedUi(UserPool("eu-west-1_AbCdEfGhI", domain=server.url, endpoint_url=server.url), "1webclient")


def test_sign_out_everywhere_sends_the_users_access_token(with_api: HostedUi, server: ScriptedServer) -> None:
    server.script(json_answer({}))
    with_api.sign_out_everywhere("the-access-token")
    (request,) = server.requests
    assert (request.path, json.loads(request.body)) == ("/", {"AccessToken": "the-access-token"})
    assert request.headers["x-amz-target"] == "AWSCognitoIdentityProviderService.GlobalSignOut"


def aws_error(kind: Any, message: str = "", status: int = 400) -> Answer:
    return json_answer({"__type": kind, "message": message}, status)


NO_SCOPE = "Access Token does not have required scopes"


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (aws_error("NotAuthorizedException", NO_SCOPE), SignInError, "sign_out_scope_required"),
        (aws_error("com.amazonaws#NotAuthorizedException", NO_SCOPE), SignInError, "sign_out_scope_required"),
        (aws_error("NotAuthorizedException", "Access Token has expired"), SignInError, "sign_out_refused"),
        (aws_error("NotAuthorizedException", "Access Token has been revoked"), SignInError, "sign_out_refused"),
        (aws_error("UserNotConfirmedException", "scope"), SignInError, "sign_out_refused"),
        (aws_error("InvalidParameterException", "scope"), SignInError, "sign_out_refused"),
        (aws_error("ForbiddenException", "blocked by WAF", 403), CognitoUnavailableError, "cognito_unavailable"),
        (aws_error("TooManyRequestsException", "Rate exceeded"), CognitoUnavailableError, "too_many_requests"),
        (aws_error("LimitExceededException"), CognitoUnavailableError, "too_many_requests"),
        (aws_error("NotAuthorizedException", NO_SCOPE, 429), CognitoUnavailableError, "too_many_requests"),
        (Answer(429), CognitoUnavailableError, "too_many_requests"),
        (aws_error("InternalErrorException", "", 500), CognitoUnavailableError, "cognito_unavailable"),
        (aws_error("not an\nAWS name"), CognitoUnavailableError, "cognito_unavailable"),
        (Answer(400, b"<html>"), CognitoUnavailableError, "cognito_unavailable"),
        (Answer(403, b"<html>blocked</html>"), CognitoUnavailableError, "cognito_unavailable"),
        (Answer(500), CognitoUnavailableError, "cognito_unavailable"),
        (Answer(302), CognitoUnavailableError, "cognito_unavailable"),
        (Answer(103), CognitoUnavailableError, "cognito_unavailable"),
    ],
)
def test_failed_sign_out_everywhere_has_a_code(
    with_api: HostedUi, server: ScriptedServer, answer: Answer, error: type[SignInError], code: str
) -> None:
    server.script(answer)
    with pytest.raises(error) as caught:
        with_api.sign_out_everywhere("the-access-token")
    assert caught.value.code == code
    assert "the-access-token" not in str(caught.value)


# Several requests under one deadline


@pytest.mark.parametrize("call", [EXCHANGE, REFRESH, REVOKE, USER_INFO])
def test_requests_after_a_shared_deadline_are_not_sent(public: HostedUi, server: ScriptedServer, call: Call) -> None:
    with pytest.raises(CognitoUnavailableError):
        call(public.until(time.monotonic()))
    assert server.count == 0


def test_requests_share_a_deadline(public: HostedUi, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=clock))
    server.script(Answer(503, before=lambda: clock.forward(20)))
    limited = public.until(clock.now + 30)
    for _ in range(5):
        with pytest.raises(CognitoUnavailableError):
            REVOKE(limited)
    assert server.count == 2
    server.script(Answer(200))
    REVOKE(public.until(clock.now + 60))
    REVOKE(public)
