"""Attacks on the login that OpenID's suite does not have, each against the scripted provider."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import pytest
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory
from local_cognito_support.scripted_server import Answer, json_answer

from django_cognito.core.tokens.token import read_unverified
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import store
from django_cognito.testing import make_token
from tests.support.cases import cases
from tests.support.error_reports import report_of
from tests.support.scenarios.login import (
    change_login,
    code_verifier_of,
    read_query,
    secret_cookies,
    unchanged,
    username_at,
)

from .fault import Fault
from .provider import CLIENT_ID, SECRET, Provider
from .scenario import follow_to_callback, read_failure, refusal_page, sign_in, start_sign_in

SUB = str(read_unverified(make_token())["sub"])  # alice's

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]


@pytest.mark.defends("RP-07")
def test_sign_in_started_by_another_site_changes_no_user(
    client: Client, provider: Provider, username_before: str
) -> None:
    pending = start_sign_in(client, next="/mine/")
    for _ in range(9):
        headers = {"sec-fetch-site": "cross-site", "referer": "https://evil.example/"}
        assert client.get("/auth/login/", {"next": "https://evil.example/"}, headers=headers).status_code == 302
    assert (username_at(client), provider.called_endpoints) == (username_before, [])
    assert client.get(follow_to_callback(pending))["Location"] == "/mine/"


@pytest.mark.defends("RP-07", "RP-08")
def test_callback_of_an_attacker_does_not_sign_in_the_victim(
    client: Client, provider: Provider, username_before: str
) -> None:
    provider.username = "mallory"
    callback_url = follow_to_callback(start_sign_in(Client()))
    start_sign_in(client)  # the victim has a pending sign-in
    assert read_failure(refusal_page(client, provider, callback_url, calls=())) == (400, "state_unknown")
    assert username_at(client) == username_before


@pytest.mark.defends("RP-04", "RP-08")
def test_injected_code_is_refused_by_the_pkce_challenge(
    client: Client, provider: Provider, username_before: str
) -> None:
    provider.username = "mallory"
    code = read_query(follow_to_callback(start_sign_in(Client())))["code"]
    state = read_query(start_sign_in(client))["state"]
    callback_url = f"/auth/callback/?code={code}&state={state}"
    assert read_failure(refusal_page(client, provider, callback_url, calls=("token",), state=state)) == (
        400,
        "invalid_grant",
    )
    assert username_at(client) == username_before


@pytest.mark.defends("RP-04")
def test_code_verifier_is_unique_and_not_in_url_cookie_or_session(client: Client, provider: Provider) -> None:
    authorize_urls = [start_sign_in(client) for _ in range(2)]
    verifiers = [code_verifier_of(client, read_query(authorize_url)) for authorize_url in authorize_urls]
    assert len({*verifiers, *(read_query(authorize_url)["code_challenge"] for authorize_url in authorize_urls)}) == 4
    visible = f"{authorize_urls} {client.cookies.output()}"
    client.get(follow_to_callback(authorize_urls[0]))
    visible += f"{client.cookies.output()} {dict(client.session.items())}"
    assert [verifier for verifier in verifiers if verifier in visible] == []


@pytest.mark.defends("RP-06")
def test_session_key_from_before_the_sign_in_is_replaced(client: Client, provider: Provider) -> None:
    attacker = Client()
    start_sign_in(attacker)
    assert "sessionid" not in attacker.cookies  # a pending sign-in has none
    planted = attacker.session  # the site set it for another purpose
    client.cookies["sessionid"] = planted.session_key
    sign_in(client)
    assert (username_at(client), username_at(attacker)) == ("alice", "nobody")
    assert client.session.session_key != planted.session_key
    assert not planted.exists(planted.session_key)


@pytest.mark.defends("RP-06")
def test_sign_in_of_another_user_clears_session_and_login(client: Client, provider: Provider) -> None:
    sign_in(client)
    first = client.session
    first["basket"] = "alice's pears"
    first.save()
    key, login = first.session_key, CognitoLogin.objects.get().pk
    provider.username = "bob"
    provider.called_endpoints.clear()
    sign_in(client)
    assert (username_at(client), "basket" in client.session, client.session.exists(key)) == ("bob", False, False)
    assert not CognitoLogin.objects.filter(pk=login).exists()
    assert provider.called_endpoints == ["authorize", "token", "revoke"]


@pytest.mark.defends("RP-08")
def test_callback_opened_twice_redeems_the_code_once(client: Client, provider: Provider) -> None:
    callback_url = follow_to_callback(start_sign_in(client, next="/mine/"))
    client.get(callback_url)
    provider.called_endpoints.clear()
    with unchanged(client):
        assert client.get(callback_url)["Location"] == "/"
    assert (provider.called_endpoints, username_at(client)) == ([], "alice")


@pytest.mark.defends("RP-09")
@pytest.mark.parametrize("names_itself", [False, True])
def test_code_of_another_pool_is_refused_and_not_sent_there(
    client: Client, provider: Provider, username_before: str, names_itself: bool
) -> None:
    with Provider("eu-west-1_Another99", CLIENT_ID) as other:
        other.username = "mallory"
        other.fault = Fault(callback_params={"iss": other.issuer} if names_itself else {})
        authorize_url = start_sign_in(client)
        callback_url = follow_to_callback(authorize_url.replace(provider.url, other.url))
        calls = () if names_itself else ("token",)
        page = refusal_page(client, provider, callback_url, calls=calls, state=read_query(authorize_url)["state"])
        assert read_failure(page) == (400, "wrong_issuer" if names_itself else "invalid_grant")
        assert other.called_endpoints == ["authorize"]
    assert username_at(client) == username_before


@pytest.mark.defends("RP-09", "RP-25")
@pytest.mark.parametrize("which", ["id_claims", "access_claims"])
def test_token_of_another_pool_is_refused_without_fetching_its_jwks(
    client: Client, provider: Provider, username_before: str, which: str
) -> None:
    with Provider("eu-west-1_Another99", CLIENT_ID) as other:
        authorize_url = start_sign_in(client)
        callback_url = follow_to_callback(authorize_url)
        provider.fault = Fault(**{which: {"iss": other.issuer}})
        calls = ("token", "jwks") if which == "id_claims" else ("token",)
        page = refusal_page(client, provider, callback_url, calls=calls, state=read_query(authorize_url)["state"])
        assert (read_failure(page), other.count) == ((403, "wrong_issuer"), 0)
    assert username_at(client) == username_before


@pytest.mark.defends("RP-09")
def test_callback_with_iss_of_the_pool_is_accepted(client: Client, provider: Provider) -> None:
    provider.fault = Fault(callback_params={"iss": provider.issuer})
    sign_in(client)
    assert username_at(client) == "alice"


@pytest.mark.defends("RP-02")
@pytest.mark.parametrize("state", [None, "forged"])
def test_error_callback_without_a_valid_state_changes_no_user(
    client: Client, provider: Provider, username_before: str, state: str | None
) -> None:
    provider.fault = Fault(
        callback_params={
            "code": None,
            "state": state,
            "error": "access_denied",
            "error_description": "<b>denied by test</b>",
        }
    )
    page = refusal_page(client, provider, follow_to_callback(start_sign_in(client)), calls=())
    assert read_failure(page) == (400, "state_unknown")
    assert "denied by test" not in page.content.decode()
    assert username_at(client) == username_before


@pytest.mark.defends("RP-15", "RP-16")
def test_inactive_user_is_refused_and_gets_no_group(client: Client, provider: Provider, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"admins": {"superuser": True}}}
    sign_in(Client())
    get_user_model().objects.update(is_active=False)
    provider.fault = Fault(id_claims={"cognito:groups": ["admins"]}, access_claims={"cognito:groups": ["admins"]})
    authorize_url = start_sign_in(client)
    page = refusal_page(
        client, provider, follow_to_callback(authorize_url), calls=("token",), state=read_query(authorize_url)["state"]
    )
    assert read_failure(page) == (403, "user_inactive")
    assert username_at(client) == "nobody"


@pytest.mark.defends("RP-16")
def test_unmapped_cognito_groups_grant_no_rights(client: Client, provider: Provider) -> None:
    groups = {"cognito:groups": ["admin", "staff", "superuser", "is_superuser"]}
    provider.fault = Fault(id_claims=groups, access_claims=groups)
    sign_in(client)
    user = get_user_model().objects.get()
    assert (user.is_staff, user.is_superuser, user.groups.count(), user.has_usable_password()) == (False,) * 2 + (
        0,
        False,
    )


@pytest.mark.defends("RP-13", "RP-14")
def test_same_email_and_username_with_another_sub_is_another_user(client: Client, provider: Provider) -> None:
    sign_in(client)
    other_sub = {"sub": "5e0a1b52-6f0c-4c1e-9a58-0d7c5a1e0002"}
    provider.fault = Fault(id_claims=other_sub, access_claims=other_sub)  # username and verified e-mail are alice's
    other = Client()
    sign_in(other)
    assert username_at(client) == "alice"
    assert username_at(other) not in ("alice", "nobody")
    assert CognitoUser.objects.values("user").distinct().count() == 2


USER_INFO: dict[str, tuple[Fault, int, str]] = {
    "no sub": (Fault(user_info={"sub": None}), 400, "user_info_mismatch"),
    "list as sub": (Fault(user_info={"sub": [SUB]}), 400, "user_info_mismatch"),
    "sub in capitals": (Fault(user_info={"sub": SUB.upper()}), 400, "user_info_mismatch"),
    "refused": (Fault(steps={"user_info": Answer(401)}), 403, "invalid_token"),
    "server error": (Fault(steps={"user_info": Answer(500)}), 503, "cognito_unavailable"),
    "HTML": (Fault(steps={"user_info": Answer(200, b"<html>")}), 503, "cognito_unavailable"),
    "list": (Fault(steps={"user_info": json_answer([SUB])}), 503, "cognito_unavailable"),
    "redirect": (
        Fault(steps={"user_info": Answer(302, headers={"location": "https://attacker.invalid/"})}),
        503,
        "cognito_unavailable",
    ),
}


@pytest.mark.defends("RP-18")
def test_sign_in_with_bad_user_info_response_fails(
    client: Client, provider: Provider, username_before: str, profile_from_user_info: None
) -> None:
    calls: tuple[str, ...] = ("token", "jwks", "user_info")
    with cases() as case:
        for name, (fault, status, code) in USER_INFO.items():
            provider.fault = fault
            authorize_url = start_sign_in(client)
            state = read_query(authorize_url)["state"]
            with case(name):
                page = refusal_page(client, provider, follow_to_callback(authorize_url), calls=calls, state=state)
                assert (read_failure(page), "Retry-After" in page) == ((status, code), status == 503)
                assert username_at(client) == username_before
            calls = ("token", "user_info")  # the keys are cached


@pytest.mark.defends("RP-20")
def test_responses_and_request_urls_contain_no_secret(client: Client, provider: Provider, settings: Any) -> None:
    provider.client_secret = SECRET
    settings.COGNITO = {**settings.COGNITO, **provider.settings}
    authorize_url = start_sign_in(client)
    code_verifier = code_verifier_of(client, read_query(authorize_url))
    callback_url = follow_to_callback(authorize_url)
    answers = [client.get(callback_url), client.get(callback_url), client.get("/who/"), client.get("/auth/logout/")]
    tokens = store.decrypt_tokens(CognitoLogin.objects.get())
    answers.append(client.post("/auth/logout/"))
    visible = "".join(f"{answer.headers}{answer.cookies.output()}{answer.content.decode()}" for answer in answers)
    secrets = [tokens.access_token, tokens.id_token, tokens.refresh_token, code_verifier, SECRET]
    secrets += [read_query(authorize_url)["nonce"], *read_query(callback_url).values()]
    assert [secret for secret in secrets if not secret or secret in visible] == []
    urls = "".join(request.path for request in provider.requests)
    assert [secret for secret in secrets[:5] if secret in urls] == []


CALLS: dict[str, Callable[[Client, str], Any]] = {
    "a sign-in": lambda client, callback_url: client.get(callback_url),
    "a refresh": lambda client, callback_url: client.get("/subject/"),
    "a sign-out": lambda client, callback_url: client.post("/auth/logout/"),
}
IN_HTTP_EXCHANGE, IN_USER_LOOKUP = (
    "django_cognito.core.http.exchange._exchange_once",
    "django_cognito.users.authentication.get_token_user",
)


@pytest.mark.defends("RP-20")
@pytest.mark.parametrize(
    ("call", "place"),
    [
        ("a sign-in", IN_HTTP_EXCHANGE),
        ("a refresh", IN_HTTP_EXCHANGE),
        ("a sign-out", IN_HTTP_EXCHANGE),
        ("a sign-in", IN_USER_LOOKUP),
        ("a refresh", IN_USER_LOOKUP),
    ],
)
def test_error_report_of_a_login_contains_no_secret(
    client: Client, provider: Provider, settings: Any, monkeypatch: pytest.MonkeyPatch, call: str, place: str
) -> None:
    provider.client_secret = SECRET
    settings.COGNITO = {**settings.COGNITO, **provider.settings}
    sign_in(client)
    change_login(CognitoLogin.objects.get(), ends_in=-1)
    tokens = store.decrypt_tokens(CognitoLogin.objects.get())
    authorize_url = start_sign_in(client)
    callback_url, (secret,) = follow_to_callback(authorize_url), secret_cookies(client).values()
    code_verifier, nonce = code_verifier_of(client, read_query(authorize_url)), read_query(authorize_url)["nonce"]
    monkeypatch.setattr(place, _on_fire)
    with pytest.raises(RuntimeError) as failed:
        CALLS[call](client, callback_url)
    report = report_of(failed.value, RequestFactory().get("/"))
    assert "the database is on fire" in report
    basic = base64.b64encode(f"{CLIENT_ID}:{quote_plus(SECRET)}".encode()).decode()
    own = [code_verifier, nonce, secret, SECRET, quote_plus(SECRET), basic]
    secrets = [tokens.access_token, tokens.id_token, tokens.refresh_token, *own]
    assert [secret for secret in secrets if not secret or secret in report] == []


def _on_fire(*_: Any, **__: Any) -> Any:
    raise RuntimeError("the database is on fire")
