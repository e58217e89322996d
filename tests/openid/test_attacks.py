"""Attacks on the login that are no module of OpenID's suite, each against the scripted provider."""

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
from .scenario import come_back_from, refusal, sign_in, told, way_in

SUB = str(read_unverified(make_token())["sub"])  # alice's

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]


@pytest.mark.defends("RP-07")
def test_a_sign_in_that_another_site_begins_signs_nobody_in_or_out(
    client: Client, provider: Provider, before: str
) -> None:
    under_way = way_in(client, next="/mine/")
    for _ in range(9):
        headers = {"sec-fetch-site": "cross-site", "referer": "https://evil.example/"}
        assert client.get("/auth/login/", {"next": "https://evil.example/"}, headers=headers).status_code == 302
    assert (username_at(client), provider.asked) == (before, [])
    assert client.get(come_back_from(under_way))["Location"] == "/mine/"


@pytest.mark.defends("RP-07", "RP-08")
def test_a_victim_is_not_signed_in_as_the_attacker(client: Client, provider: Provider, before: str) -> None:
    provider.username = "mallory"
    back = come_back_from(way_in(Client()))
    way_in(client)  # the victim has a sign-in of their own under way
    assert told(refusal(client, provider, back, asks=())) == (400, "state_unknown")
    assert username_at(client) == before


@pytest.mark.defends("RP-04", "RP-08")
def test_an_attackers_code_in_the_victims_sign_in_is_refused_by_its_challenge(
    client: Client, provider: Provider, before: str
) -> None:
    provider.username = "mallory"
    code = read_query(come_back_from(way_in(Client())))["code"]
    state = read_query(way_in(client))["state"]
    back = f"/auth/callback/?code={code}&state={state}"
    assert told(refusal(client, provider, back, asks=("token",), state=state)) == (400, "invalid_grant")
    assert username_at(client) == before


@pytest.mark.defends("RP-04")
def test_the_verifier_is_in_no_url_cookie_or_session_and_for_one_sign_in(client: Client, provider: Provider) -> None:
    ways = [way_in(client) for _ in range(2)]
    verifiers = [code_verifier_of(client, read_query(way)) for way in ways]
    assert len({*verifiers, *(read_query(way)["code_challenge"] for way in ways)}) == 4
    seen = f"{ways} {client.cookies.output()}"
    client.get(come_back_from(ways[0]))
    seen += f"{client.cookies.output()} {dict(client.session.items())}"
    assert [verifier for verifier in verifiers if verifier in seen] == []


@pytest.mark.defends("RP-06")
def test_a_session_key_that_an_attacker_knew_before_is_worth_nothing_after(client: Client, provider: Provider) -> None:
    attacker = Client()
    way_in(attacker)
    assert "sessionid" not in attacker.cookies  # a pending sign-in has none
    planted = attacker.session  # the site gave it one for something else
    client.cookies["sessionid"] = planted.session_key
    sign_in(client)
    assert (username_at(client), username_at(attacker)) == ("alice", "nobody")
    assert client.session.session_key != planted.session_key
    assert not planted.exists(planted.session_key)


@pytest.mark.defends("RP-06")
def test_of_the_person_before_nothing_is_left_in_the_session(client: Client, provider: Provider) -> None:
    sign_in(client)
    first = client.session
    first["basket"] = "alice's pears"
    first.save()
    key, login = first.session_key, CognitoLogin.objects.get().pk
    provider.username = "bob"
    provider.asked.clear()
    sign_in(client)
    assert (username_at(client), "basket" in client.session, client.session.exists(key)) == ("bob", False, False)
    assert not CognitoLogin.objects.filter(pk=login).exists()
    assert provider.asked == ["authorize", "token", "revoke"]


@pytest.mark.defends("RP-08")
def test_a_callback_that_is_opened_twice_asks_once(client: Client, provider: Provider) -> None:
    back = come_back_from(way_in(client, next="/mine/"))
    client.get(back)
    provider.asked.clear()
    with unchanged(client):
        assert client.get(back)["Location"] == "/"
    assert (provider.asked, username_at(client)) == ([], "alice")


@pytest.mark.defends("RP-09")
@pytest.mark.parametrize("names_itself", [False, True])
def test_another_pools_code_is_worth_nothing_here_and_is_never_sent_there(
    client: Client, provider: Provider, before: str, names_itself: bool
) -> None:
    with Provider("eu-west-1_Another99", CLIENT_ID) as other:
        other.username = "mallory"
        other.fault = Fault(back={"iss": other.issuer} if names_itself else {})
        asked = way_in(client)
        back = come_back_from(asked.replace(provider.url, other.url))
        asks = () if names_itself else ("token",)
        page = refusal(client, provider, back, asks=asks, state=read_query(asked)["state"])
        assert told(page) == (400, "wrong_issuer" if names_itself else "invalid_grant")
        assert other.asked == ["authorize"]
    assert username_at(client) == before


@pytest.mark.defends("RP-09", "RP-25")
@pytest.mark.parametrize("which", ["id_claims", "access_claims"])
def test_another_pools_token_is_refused_and_its_keys_are_not_asked_for(
    client: Client, provider: Provider, before: str, which: str
) -> None:
    with Provider("eu-west-1_Another99", CLIENT_ID) as other:
        asked = way_in(client)
        back = come_back_from(asked)
        provider.fault = Fault(**{which: {"iss": other.issuer}})
        asks = ("token", "jwks") if which == "id_claims" else ("token",)
        page = refusal(client, provider, back, asks=asks, state=read_query(asked)["state"])
        assert (told(page), other.count) == ((403, "wrong_issuer"), 0)
    assert username_at(client) == before


@pytest.mark.defends("RP-09")
def test_the_pool_may_name_itself(client: Client, provider: Provider) -> None:
    provider.fault = Fault(back={"iss": provider.issuer})
    sign_in(client)
    assert username_at(client) == "alice"


@pytest.mark.defends("RP-02")
@pytest.mark.parametrize("state", [None, "forged"])
def test_an_error_without_the_browsers_state_signs_nobody_out(
    client: Client, provider: Provider, before: str, state: str | None
) -> None:
    provider.fault = Fault(
        back={"code": None, "state": state, "error": "access_denied", "error_description": "<b>gone</b>"}
    )
    page = refusal(client, provider, come_back_from(way_in(client)), asks=())
    assert told(page) == (400, "state_unknown")
    assert "gone" not in page.content.decode()
    assert username_at(client) == before


@pytest.mark.defends("RP-15", "RP-16")
def test_somebody_disabled_here_is_refused_and_no_group_is_given(
    client: Client, provider: Provider, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"admins": {"superuser": True}}}
    sign_in(Client())
    get_user_model().objects.update(is_active=False)
    provider.fault = Fault(id_claims={"cognito:groups": ["admins"]}, access_claims={"cognito:groups": ["admins"]})
    asked = way_in(client)
    page = refusal(client, provider, come_back_from(asked), asks=("token",), state=read_query(asked)["state"])
    assert told(page) == (403, "user_inactive")
    assert username_at(client) == "nobody"


@pytest.mark.defends("RP-16")
def test_groups_that_nobody_mapped_give_nothing(client: Client, provider: Provider) -> None:
    groups = {"cognito:groups": ["admin", "staff", "superuser", "is_superuser"]}
    provider.fault = Fault(id_claims=groups, access_claims=groups)
    sign_in(client)
    user = get_user_model().objects.get()
    assert (user.is_staff, user.is_superuser, user.groups.count(), user.has_usable_password()) == (False,) * 2 + (
        0,
        False,
    )


@pytest.mark.defends("RP-13", "RP-14")
def test_somebody_elses_address_and_name_are_not_their_account(client: Client, provider: Provider) -> None:
    sign_in(client)
    alike = {"sub": "5e0a1b52-6f0c-4c1e-9a58-0d7c5a1e0002"}
    provider.fault = Fault(id_claims=alike, access_claims=alike)  # username and verified e-mail are alice's
    other = Client()
    sign_in(other)
    assert username_at(client) == "alice"
    assert username_at(other) not in ("alice", "nobody")
    assert CognitoUser.objects.values("user").distinct().count() == 2


USER_INFO: dict[str, tuple[Fault, int, str]] = {
    "nobody's": (Fault(user_info={"sub": None}), 400, "user_info_mismatch"),
    "a list's": (Fault(user_info={"sub": [SUB]}), 400, "user_info_mismatch"),
    "nearly the person's": (Fault(user_info={"sub": SUB.upper()}), 400, "user_info_mismatch"),
    "refused": (Fault(steps={"user_info": Answer(401)}), 403, "invalid_token"),
    "a fault": (Fault(steps={"user_info": Answer(500)}), 503, "cognito_unavailable"),
    "HTML": (Fault(steps={"user_info": Answer(200, b"<html>")}), 503, "cognito_unavailable"),
    "no object": (Fault(steps={"user_info": json_answer([SUB])}), 503, "cognito_unavailable"),
    "elsewhere": (
        Fault(steps={"user_info": Answer(302, headers={"location": "https://attacker.invalid/"})}),
        503,
        "cognito_unavailable",
    ),
}


@pytest.mark.defends("RP-18")
@pytest.mark.parametrize(("fault", "status", "code"), USER_INFO.values(), ids=USER_INFO)
def test_user_info_that_is_not_the_persons_is_no_sign_in(
    client: Client,
    provider: Provider,
    before: str,
    profile_from_user_info: None,
    fault: Fault,
    status: int,
    code: str,
) -> None:
    provider.fault = fault
    asked = way_in(client)
    asks = ("token", "jwks", "user_info")
    page = refusal(client, provider, come_back_from(asked), asks=asks, state=read_query(asked)["state"])
    assert (told(page), "Retry-After" in page) == ((status, code), status == 503)
    assert username_at(client) == before


@pytest.mark.defends("RP-20")
def test_no_answer_shows_a_secret(client: Client, provider: Provider, settings: Any) -> None:
    provider.client_secret = SECRET
    settings.COGNITO = {**settings.COGNITO, **provider.settings}
    way = way_in(client)
    code_verifier = code_verifier_of(client, read_query(way))
    back = come_back_from(way)
    answers = [client.get(back), client.get(back), client.get("/who/"), client.get("/auth/logout/")]
    tokens = store.decrypt_tokens(CognitoLogin.objects.get())
    answers.append(client.post("/auth/logout/"))
    seen = "".join(f"{answer.headers}{answer.cookies.output()}{answer.content.decode()}" for answer in answers)
    secrets = [tokens.access_token, tokens.id_token, tokens.refresh_token, code_verifier, SECRET]
    secrets += [read_query(way)["nonce"], *read_query(back).values()]
    assert [secret for secret in secrets if not secret or secret in seen] == []
    addresses = "".join(request.path for request in provider.requests)
    assert [secret for secret in secrets[:5] if secret in addresses] == []


CALLS: dict[str, Callable[[Client, str], Any]] = {
    "a sign-in": lambda client, back: client.get(back),
    "a renewal": lambda client, back: client.get("/subject/"),
    "a sign-out": lambda client, back: client.post("/auth/logout/"),
}
ON_THE_WAY_OUT, WITH_THE_TOKENS = (
    "django_cognito.core.http.client.Http._exchange",
    "django_cognito.users.authentication.get_token_user",
)


@pytest.mark.defends("RP-20")
@pytest.mark.parametrize(
    ("call", "place"),
    [
        ("a sign-in", ON_THE_WAY_OUT),
        ("a renewal", ON_THE_WAY_OUT),
        ("a sign-out", ON_THE_WAY_OUT),
        ("a sign-in", WITH_THE_TOKENS),
        ("a renewal", WITH_THE_TOKENS),
    ],
)
def test_the_report_of_a_server_error_in_a_login_tells_no_secret(
    client: Client, provider: Provider, settings: Any, monkeypatch: pytest.MonkeyPatch, call: str, place: str
) -> None:
    provider.client_secret = SECRET
    settings.COGNITO = {**settings.COGNITO, **provider.settings}
    sign_in(client)
    change_login(CognitoLogin.objects.get(), ends_in=-1)
    tokens = store.decrypt_tokens(CognitoLogin.objects.get())
    way = way_in(client)
    back, (secret,) = come_back_from(way), secret_cookies(client).values()
    code_verifier, nonce = code_verifier_of(client, read_query(way)), read_query(way)["nonce"]
    monkeypatch.setattr(place, _on_fire)
    with pytest.raises(RuntimeError) as failed:
        CALLS[call](client, back)
    report = report_of(failed.value, RequestFactory().get("/"))
    assert "the database is on fire" in report
    basic = base64.b64encode(f"{CLIENT_ID}:{quote_plus(SECRET)}".encode()).decode()
    own = [code_verifier, nonce, secret, SECRET, quote_plus(SECRET), basic]
    secrets = [tokens.access_token, tokens.id_token, tokens.refresh_token, *own]
    assert [secret for secret in secrets if not secret or secret in report] == []


def _on_fire(*_: Any, **__: Any) -> Any:
    raise RuntimeError("the database is on fire")
