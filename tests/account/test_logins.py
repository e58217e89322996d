"""A user's own logins: page, JSON and template tag; who may end which login."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.template import engines
from django.test import Client, RequestFactory
from django.utils import timezone
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import own_logins, store
from django_cognito.signals import signed_out
from django_cognito.testing import make_token
from tests.support.callers import bearer
from tests.support.scenarios.login import create_login, read_form, username_at

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.login_site"),
    pytest.mark.usefixtures("cognito_keys"),
]
PAGE, END_OTHERS = "/auth/logins/", "/auth/logins/end-others/"
JSON = {"accept": "application/json"}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"
    " Mobile/15E148 Safari/604.1"
)


def end_url(login: CognitoLogin) -> str:
    return f"/auth/logins/{login.pk}/end/"


def browser(user_agent: str = FIREFOX, address: str = "192.0.2.1", **options: Any) -> Client:
    return Client(headers={"user-agent": user_agent}, REMOTE_ADDR=address, **options)


@pytest.fixture
def ended() -> Iterator[list[tuple[list[str], str]]]:
    """Yield the usernames and the reason of each `signed_out` signal."""
    received: list[tuple[list[str], str]] = []

    def receive(cognito_users: Any, reason: str, **_: Any) -> None:
        received.append(([link.username for link in cognito_users], reason))

    signed_out.connect(receive)
    yield received
    signed_out.disconnect(receive)


def list_logins(client: Client) -> list[dict[str, Any]]:
    logins: list[dict[str, Any]] = client.get(PAGE, headers=JSON).json()["logins"]
    return logins


# The list


def test_json_lists_current_login_first_then_by_last_use() -> None:
    laptop, phone, tablet = browser(), browser(SAFARI, "2001:db8::1"), browser("", "")
    logins = [create_login(client) for client in (laptop, phone, tablet)]
    for login, hours in zip(logins, (3, 2, 1), strict=True):
        last_used_at = timezone.now() - timedelta(hours=hours)
        CognitoLogin.objects.filter(pk=login.pk).update(last_used_at=last_used_at)
    first, *others = list_logins(laptop)
    assert [first["id"], *(login["id"] for login in others)] == [str(logins[index].pk) for index in (0, 2, 1)]
    assert [login["is_current"] for login in (first, *others)] == [True, False, False]
    assert [(login["browser"], login["device"], login["ip_address"]) for login in (first, *others)] == [
        ("Firefox", "Linux", "192.0.2.1"),
        ("", "", None),
        ("Safari", "iPhone", "2001:db8::1"),
    ]
    assert first.keys() == {
        *("id", "browser", "device", "ip_address", "signed_in_at", "last_used_at", "is_current"),
    }


def test_page_shows_every_login_and_a_form_for_each_other_one() -> None:
    laptop, phone = browser(), browser(SAFARI)
    current, other = create_login(laptop), create_login(phone)
    response = laptop.get(PAGE)
    text = response.content.decode()
    assert "Firefox on Linux" in text
    assert "Safari on iPhone" in text
    assert f'action="{end_url(other)}"' in text
    assert end_url(current) not in text
    assert 'href="/auth/logout/"' in text
    assert "no-store" in response["Cache-Control"]
    assert str(response["Content-Security-Policy"]).startswith("default-src 'none'")


def test_page_escapes_the_header_of_a_browser() -> None:
    client = browser("<script>alert(1)</script>")
    create_login(client)
    response = client.get(PAGE)
    assert "Unknown browser" in response.content.decode()
    assert "alert(1)" not in response.content.decode()


def test_page_is_german_for_a_german_browser(settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
    client = browser()
    create_login(client)
    text = client.get(PAGE, headers={"accept-language": "de"}).content.decode()
    assert "Ihre Anmeldungen" in text
    assert "Firefox auf Linux" in text


def test_list_has_logins_of_all_accounts_of_the_user_and_no_other() -> None:
    alice, bob, carol = browser(), browser(), browser()
    create_login(alice)
    second = create_login(bob, "bob")
    create_login(carol, "carol")
    CognitoUser.objects.filter(username="bob").update(user=User.objects.get(username="alice"))
    assert [login["id"] for login in list_logins(alice)[1:]] == [str(second.pk)]


def test_list_has_no_login_that_has_ended_or_is_too_old(settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "SESSION_IDLE_SECONDS": 3_600}
    laptop, others = browser(), [create_login(browser()) for _ in range(2)]
    create_login(laptop)
    CognitoLogin.objects.filter(pk=others[0].pk).update(ended_at=timezone.now())
    CognitoLogin.objects.filter(pk=others[1].pk).update(last_used_at=timezone.now() - timedelta(hours=1))
    assert [login["is_current"] for login in list_logins(laptop)] == [True]


def test_list_is_limited_and_needs_one_query(django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    logins = [create_login(browser()) for _ in range(3)]
    monkeypatch.setattr(own_logins, "MAX_LISTED", 2)
    user = User.objects.get()
    with django_assert_num_queries(1):
        assert len(own_logins.list_logins(user, str(logins[0].pk))) == 2


def test_list_never_reads_tokens(django_assert_num_queries: Any) -> None:
    user = create_login(browser()).cognito_user.user
    with django_assert_num_queries(1) as queries:
        own_logins.list_logins(user)
    assert '"tokens"' not in queries.captured_queries[0]["sql"].replace("`", '"')


def test_local_user_sees_an_empty_list(client: Client) -> None:
    client.force_login(User.objects.create(username="local"), backend="django.contrib.auth.backends.ModelBackend")
    assert list_logins(client) == []
    assert "No browser is signed in" in client.get(PAGE).content.decode()


# Who may read and end


def test_anonymous_page_goes_to_the_sign_in_and_returns(client: Client) -> None:
    assert client.get(PAGE)["Location"] == "/auth/login/?next=/auth/logins/"


@pytest.mark.parametrize("headers", [JSON, {"sec-fetch-mode": "cors"}, {"hx-request": "true"}])
def test_anonymous_script_is_401_with_the_login_url(client: Client, headers: dict[str, str]) -> None:
    response = client.get(PAGE, headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    assert response.json()["login_url"].startswith("/auth/login/")


@pytest.mark.parametrize("path", [PAGE, END_OTHERS, f"/auth/logins/{uuid.UUID(int=1)}/end/"])
def test_bearer_token_is_rejected(client: Client, path: str) -> None:
    method = client.get if path == PAGE else client.post
    response = method(path, headers=bearer(make_token()))
    assert (response.status_code, response.json()["code"]) == (403, "session_required")


def test_login_of_another_user_is_not_ended(ended: list[Any]) -> None:
    alice, mallory = browser(), browser()
    login = create_login(alice)
    create_login(mallory, "mallory")
    assert mallory.post(end_url(login), headers=JSON).json() == {"ended": 0}
    assert mallory.post(end_url(login))["Location"] == PAGE
    assert mallory.post(END_OTHERS, headers=JSON).json() == {"ended": 0}
    assert (username_at(alice), CognitoLogin.objects.count(), ended) == ("alice", 2, [])


def test_response_does_not_show_whether_an_id_exists() -> None:
    alice, mallory = browser(), browser()
    login = create_login(alice)
    create_login(mallory, "mallory")
    responses = [mallory.post(f"/auth/logins/{item}/end/") for item in (login.pk, uuid.uuid4())]
    assert len({(response.status_code, response["Location"]) for response in responses}) == 1


@pytest.mark.parametrize("middleware", ["with", "without"])
def test_cross_site_post_ends_nothing(settings: Any, middleware: str) -> None:
    if middleware == "without":
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]
    laptop, phone = browser(enforce_csrf_checks=True), browser()
    create_login(laptop)
    other = create_login(phone)
    for path in (END_OTHERS, end_url(other)):
        assert laptop.post(path).status_code == 403
        assert laptop.get(path).status_code == 405
    assert CognitoLogin.objects.count() == 2


def test_form_of_the_page_has_a_valid_csrf_token() -> None:
    laptop, phone = browser(enforce_csrf_checks=True), browser()
    create_login(laptop)
    create_login(phone)
    laptop.get(PAGE)
    form = {"csrfmiddlewaretoken": laptop.cookies["csrftoken"].value}
    assert laptop.post(END_OTHERS, form)["Location"] == PAGE
    assert CognitoLogin.objects.active().count() == 1


def test_anonymous_post_goes_to_the_sign_in(client: Client) -> None:
    login = create_login(browser())
    assert client.post(end_url(login))["Location"].startswith("/auth/login/")
    assert client.post(END_OTHERS, headers={"sec-fetch-mode": "cors"}).status_code == 401
    assert CognitoLogin.objects.count() == 1


# Ending


def test_ended_login_is_signed_out_there_and_revoked(token_endpoint: ScriptedServer, ended: list[Any]) -> None:
    laptop, phone = browser(), browser(SAFARI)
    create_login(laptop)
    other = create_login(phone)
    assert laptop.post(end_url(other))["Location"] == PAGE
    assert (username_at(laptop), username_at(phone)) == ("alice", "nobody")
    assert [read_form(request)["token"] for request in token_endpoint.requests] == ["a-refresh-token"]
    assert ended == [(["alice"], "sign_out")]
    assert laptop.post(end_url(other), headers=JSON).json() == {"ended": 0}


def test_end_others_leaves_the_current_login(token_endpoint: ScriptedServer, ended: list[Any]) -> None:
    laptop, others = browser(), [browser() for _ in range(3)]
    current = create_login(laptop)
    for client in others:
        create_login(client)
    assert laptop.post(END_OTHERS, headers=JSON).json() == {"ended": 3}
    assert [username_at(client) for client in (laptop, *others)] == ["alice", "nobody", "nobody", "nobody"]
    assert CognitoLogin.objects.get().pk == current.pk
    assert (token_endpoint.count, ended) == (3, [(["alice"], "sign_out")] * 3)


def test_end_of_the_current_login_ends_the_session(token_endpoint: ScriptedServer, ended: list[Any]) -> None:
    laptop = browser()
    login = create_login(laptop)
    assert laptop.post(end_url(login))["Location"] == "/"
    assert dict(laptop.session.items()) == {}  # before a request finds out that the login has ended
    assert (username_at(laptop), token_endpoint.count, len(ended)) == ("nobody", 1, 1)
    assert store.SESSION_KEY not in laptop.session


def test_login_ends_here_also_if_cognito_is_down(token_endpoint: ScriptedServer) -> None:
    token_endpoint.script(Answer(500))
    laptop, phone = browser(), browser()
    create_login(laptop)
    other = create_login(phone)
    laptop.post(end_url(other))
    assert username_at(phone) == "nobody"


@pytest.mark.parametrize(
    ("form", "location"), [({"next": "/mine/"}, "/mine/"), ({"next": "https://evil.example/"}, PAGE)]
)
def test_next_is_followed_on_this_site_only(form: dict[str, str], location: str) -> None:
    client = browser()
    create_login(client)
    assert client.post(END_OTHERS, form)["Location"] == location


# The template tag


def render(user: Any, session: Any) -> str:
    request = RequestFactory().get("/")
    request.user, request.session = user, session
    template = "{% load cognito %}{% own_logins as logins %}{% for login in logins %}{{ login.browser }};{% endfor %}"
    return str(engines["django"].from_string(template).render({}, request))


def test_template_tag_returns_the_logins_of_the_user() -> None:
    laptop, phone = browser(), browser(SAFARI)
    create_login(laptop)
    create_login(phone)
    assert render(User.objects.get(), laptop.session) == "Firefox;Safari;"


def test_template_tag_is_empty_for_an_anonymous_user(client: Client) -> None:
    assert render(AnonymousUser(), client.session) == ""
