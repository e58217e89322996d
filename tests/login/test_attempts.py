"""Tabs that ask at once: whose state is lost with a session begins once more, with new secrets, and no third time."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from django_cognito.login import attempts
from django_cognito.testing import sign_in

from ..login_scene import CALLBACK, PENDING, begin, come_back, query_of, refusal, token_answer, unchanged, who
from ..scripted_server import ScriptedServer
from ..test_views import code_of, post_logout
from ..two_pools import TwoPools

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.login_site"), pytest.mark.usefixtures("token_endpoint")]

PREFIX = "cognito_sign_in_"


def tabs_at_once(client: Client, *queries: dict[str, str]) -> list[dict[str, str]]:
    """The browser `client` begins those sign-ins before it has an answer to any: what Cognito is asked by each.

    Each is given a session of its own, and the last one's cookie stays.
    """
    before, tabs = client.cookies.output(), []
    for query in queries:
        tab = Client()
        tab.cookies.load(before.replace("Set-Cookie: ", ""))
        tabs.append(begin(tab, **query))
        client.cookies.update(tab.cookies)
    return tabs


def begins_once_more(answer: Any) -> dict[str, str]:
    """What Cognito is asked, the second time."""
    assert answer.status_code == 302
    assert "/oauth2/authorize?" in answer["Location"]
    assert "no-store" in answer["Cache-Control"]
    return query_of(answer["Location"])


def lose_states(client: Client) -> None:
    session = client.session
    session[PENDING] = {}
    session.save()


def kept(client: Client) -> list[str]:
    return [name for name, cookie in client.cookies.items() if name.startswith(PREFIX) and cookie.value]


@pytest.mark.parametrize("before", ["nobody", "bob"])
def test_tabs_that_begin_at_once_each_come_back_to_their_page(
    client: Client, token_endpoint: ScriptedServer, before: str
) -> None:
    first, second, third = tabs_at_once(client, *({"next": f"/notes/{number}/"} for number in range(3)))
    if before != "nobody":
        sign_in(client, before)
        third = begin(client, next="/notes/2/")
    for number, asked in ((2, third), (0, first), (1, second)):
        if number < 2:
            again = begins_once_more(come_back(client, asked))
            assert not {again[name] for name in ("state", "nonce", "code_challenge")} & set(asked.values())
            asked = again
        token_endpoint.script(token_answer(nonce=asked["nonce"]))
        assert come_back(client, asked)["Location"] == f"/notes/{number}/"
        assert who(client) == "alice"
    assert len(kept(client)) == (before != "nobody")  # bob's own third tab, which nobody came back to


def test_what_is_begun_once_more_asks_for_the_same(client: Client, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "IDENTITY_PROVIDERS": ["Google"]}
    query = {"identity_provider": "Google", "lang": "de", "max_age": "60", "login_hint": "älice@example.com"}
    first, _ = tabs_at_once(client, query, {})
    again = begins_once_more(come_back(client, first))
    fresh = ("state", "nonce", "code_challenge")
    assert {**again, **dict.fromkeys(fresh)} == {**first, **dict.fromkeys(fresh)}


def test_nobody_begins_a_third_time(client: Client, token_endpoint: ScriptedServer) -> None:
    first, _ = tabs_at_once(client, {"next": "/mine/"}, {})
    again = begins_once_more(come_back(client, first))
    lose_states(client)
    page = come_back(client, again)
    assert (page.status_code, code_of(page)) == (400, "state_unknown")
    assert 'href="/auth/login/?next=%2Fmine%2F"' in page.content.decode()
    assert kept(client) == [kept(client)[0]]  # the other tab's
    assert token_endpoint.count == 0


@pytest.mark.defends("RP-01", "RP-08")
@pytest.mark.parametrize("times", [1, 2])
def test_a_lost_state_begins_once_and_its_code_is_never_taken_to_cognito(
    client: Client, token_endpoint: ScriptedServer, times: int
) -> None:
    first, _ = tabs_at_once(client, {}, {})
    for _ in range(times):
        answer = come_back(client, first)
    assert (answer.status_code == 302) == (times == 1)
    assert token_endpoint.count == 0
    assert who(client) == "nobody"


@pytest.mark.defends("RP-01")
def test_what_another_browser_began_is_begun_by_no_other(client: Client, token_endpoint: ScriptedServer) -> None:
    asked = begin(Client())
    begin(client)
    with unchanged(client):
        assert code_of(come_back(client, asked)) == "state_unknown"


@pytest.mark.defends("RP-01")
def test_a_cookie_is_worth_something_for_its_own_state_alone_and_whole(client: Client) -> None:
    first, second, _ = tabs_at_once(client, {}, {}, {})
    names = [attempts._name(asked["state"]) for asked in (first, second)]
    client.cookies[names[0]] = client.cookies[names[1]].value
    assert code_of(come_back(client, first)) == "state_unknown"
    client.cookies[names[1]] = client.cookies[names[1]].value.replace("default", "another")
    assert code_of(come_back(client, second)) == "state_unknown"


def test_a_cookie_is_good_for_a_quarter_of_an_hour(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = tabs_at_once(client, {}, {})
    monkeypatch.setattr("django.core.signing.time.time", lambda: attempts.LIFETIME_SECONDS * 2 + 2e9)
    assert code_of(come_back(client, first)) == "state_unknown"


@pytest.mark.parametrize("is_secure", [False, True])
def test_the_cookie_is_the_logins_own_and_holds_no_secret(client: Client, is_secure: bool) -> None:
    answer = client.get("/auth/login/", {"next": "/mine/"}, secure=is_secure)
    ((name, cookie),) = [item for item in answer.cookies.items() if item[0].startswith(PREFIX)]
    assert (cookie["path"], cookie["max-age"], cookie["samesite"]) == ("/auth", 900, "Lax")
    assert cookie["httponly"] is True
    assert bool(cookie["secure"]) == is_secure
    ((state, entry),) = client.session[PENDING].items()
    assert not [secret for secret in (state, entry["nonce"], entry["code_verifier"]) if secret in name + cookie.value]


@pytest.mark.parametrize("outcome", ["taken", "refused", "outage", "expired"])
def test_however_a_sign_in_ends_nothing_is_left_to_begin_it_by(
    client: Client, token_endpoint: ScriptedServer, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = begin(client)
    assert len(kept(client)) == 1
    if outcome == "expired":
        monkeypatch.setattr("django_cognito.login.pending.LIFETIME_SECONDS", -1)
    if outcome != "outage":
        token_endpoint.script(token_answer(nonce=asked["nonce"]) if outcome == "taken" else refusal())
    come_back(client, asked)
    assert kept(client) == []


def test_a_sign_out_ends_them_all(client: Client) -> None:
    first, _ = tabs_at_once(client, {}, {})
    post_logout(client)
    assert kept(client) == []
    assert code_of(come_back(client, first)) == "state_unknown"


@pytest.mark.parametrize(("chars", "times"), [(10, 60), (1_000, 12), (2_000, 12)])
def test_no_server_refuses_a_request_for_what_is_kept(client: Client, chars: int, times: int) -> None:
    for number in range(times):
        begin(client, next=f"/{number:->{chars}}/")
        header = "; ".join(f"{name}={cookie.coded_value}" for name, cookie in client.cookies.items() if cookie.value)
        assert len(header) < 5_000
        assert len(kept(client)) <= 10
    assert (kept(client) == []) == (chars == 2_000)


def test_linking_is_not_begun_once_more(client: Client) -> None:
    sign_in(client, "bob")
    client.post("/auth/link/")
    assert kept(client) == []


def test_a_tenants_tab_begins_once_more_at_its_own_pool(client: Client, two_pools: TwoPools) -> None:
    first, _ = tabs_at_once(client, {"at": "zen"}, {"at": "acme"})
    answer = client.get(CALLBACK, {"code": "a-code", "state": first["state"]})
    begins_once_more(answer)
    assert answer["Location"].startswith(two_pools.zen.url)


def test_of_a_pool_that_is_configured_no_longer_nothing_is_begun(
    client: Client, settings: Any, two_pools: TwoPools
) -> None:
    first, _ = tabs_at_once(client, {"at": "zen"}, {"at": "acme"})
    pools = {alias: pool for alias, pool in settings.COGNITO["POOLS"].items() if alias != "zen"}
    settings.COGNITO = {**settings.COGNITO, "POOLS": pools}
    answer = client.get(CALLBACK, {"code": "a-code", "state": first["state"], "at": "acme"})
    assert code_of(answer) == "state_unknown"


def test_where_it_goes_on_to_is_looked_at_once_more(client: Client, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "REDIRECT_HOSTS": ["shop.example.com"]}
    first, _ = tabs_at_once(client, {"next": "https://shop.example.com/"}, {})
    settings.COGNITO = {**settings.COGNITO, "REDIRECT_HOSTS": []}
    again = begins_once_more(come_back(client, first))
    assert come_back_as_nobody_wanted(client, again) == "/"


def come_back_as_nobody_wanted(client: Client, asked: dict[str, str]) -> str:
    """Where a sign-in ends whose `next` is not this site's any more."""
    kept_session = client.session
    assert kept_session[PENDING][asked["state"]]["next_url"] == "https://shop.example.com/"
    kept_session[PENDING][asked["state"]]["asked"] = {"prompt": "none"}
    kept_session.save()
    return str(come_back(client, asked, code=None, error="login_required")["Location"])


# Sign-ins that nobody sees


@pytest.fixture
def _silent(settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": True}


@pytest.mark.usefixtures("_silent")
def test_an_open_page_is_shown_whatever_becomes_of_its_state(client: Client) -> None:
    first, _ = tabs_at_once(client, {"prompt": "none", "next": "/open/"}, {})
    again = begins_once_more(come_back(client, first))
    assert again["prompt"] == "none"
    lose_states(client)
    assert come_back(client, again)["Location"] == "/open/"
    assert client.get("/open/", headers={"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}).status_code == 200


@pytest.mark.usefixtures("_silent")
@pytest.mark.parametrize("query", ["", "page=2"])
def test_who_keeps_no_cookies_is_shown_the_open_page_all_the_same(query: str) -> None:
    visited, browser = [f"/open/?{query}" if query else "/open/"], {"sec-fetch-mode": "navigate"}
    browser["sec-fetch-dest"] = "document"
    while (answer := Client().get(visited[-1], headers=browser)).status_code == 302:
        visited.append(answer["Location"])
        assert len(visited) < 4
    assert answer.content == b"nobody"
    assert visited[1].startswith("/auth/login/?" + urlencode({"prompt": "none", "next": visited[0]}))
    assert visited[2] == f"/open/?{query}{'&' if query else ''}silent_sign_in=no"


@pytest.mark.usefixtures("_silent")
def test_a_way_back_leads_nowhere_else() -> None:
    answer = Client().get("/auth/login/", {"prompt": "none", "next": "https://evil.example/", "unseen": "1"})
    assert "/oauth2/authorize?" in answer["Location"]
