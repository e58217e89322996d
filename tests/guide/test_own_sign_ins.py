"""docs/own-sign-ins.md: its code, its template, and the numbers that it names."""

import re
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class
from django.template import engines
from django.test import Client, RequestFactory

from django_cognito.models import CognitoLogin
from django_cognito.sessions import own_logins
from django_cognito.sessions.browsers.client_ip import parse_ip
from django_cognito.sessions.ending import clean_up, login_age
from tests.support.guide import GUIDE
from tests.support.pages import function_of_page
from tests.support.scenarios.login import create_login, username_at

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]
PAGE = (GUIDE / "own-sign-ins.md").read_text()


def test_template_of_the_page_ends_another_login(client: Client, cognito_keys: None) -> None:
    phone = Client(headers={"user-agent": "Firefox/140.0 (Android 15)"})
    current = create_login(client)
    create_login(phone)
    template = next(block for block in re.findall(r"```html\n(.*?)```", PAGE, re.S) if "own_logins" in block)
    request: Any = RequestFactory().get("/mine/")
    request.user, request.session = current.cognito_user.user, client.session
    html = engines["django"].from_string(template).render({}, request)
    (url,) = re.findall(r'action="([^"]+)"', html)
    assert "Firefox on Android" in html
    assert client.post(url, {"next": "/mine/"})["Location"] == "/mine/"
    assert (username_at(client), username_at(phone)) == ("alice", "nobody")


def test_function_of_the_page_ends_logins_of_an_address(cognito_keys: None) -> None:
    home, office = Client(REMOTE_ADDR="192.0.2.1"), Client(REMOTE_ADDR="192.0.2.2")
    user = create_login(home).cognito_user.user
    create_login(office)
    function_of_page("own-sign-ins", "end_logins_from")(user, "192.0.2.2")
    assert (username_at(home), username_at(office)) == ("alice", "nobody")
    assert CognitoLogin.objects.active().count() == 1


@pytest.mark.parametrize(
    ("header", "address"),
    [("198.51.100.10:46532", "198.51.100.10"), ("2001:db8::1:46532", "2001:db8::1"), ("", None)],
)
def test_address_of_the_page_is_read_from_cloudfront(header: str, address: str | None) -> None:
    request = RequestFactory().get("/", headers={"CloudFront-Viewer-Address": header})
    assert parse_ip(function_of_page("own-sign-ins", "find_viewer_address")(request)) == address


def test_numbers_of_the_page_are_those_of_the_code() -> None:
    assert login_age.USE_RECORD_SECONDS == 5 * 60
    assert "at most every five minutes" in PAGE
    assert f"At most the {own_logins.MAX_LISTED} logins" in PAGE
    assert f"pages of {clean_up._PAGE_SIZE}" in PAGE
    assert f"for {clean_up._UNUSED_DAYS} days" in PAGE


def test_options_of_the_page_are_those_of_the_command() -> None:
    command = load_command_class(get_commands()["cognito_clearsessions"], "cognito_clearsessions")
    text = command.create_parser("manage.py", "cognito_clearsessions").format_help()
    section = PAGE.partition("## Clean-up")[2]
    assert {option for option in re.findall(r"--[a-z-]+", section) if option not in text} == set()
