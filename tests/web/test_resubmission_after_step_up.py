"""A form whose view requires a recent sign-in, a second factor or a live check: it is sent after the new sign-in."""

import time
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.test import Client

from django_cognito.models import CognitoLogin
from django_cognito.sessions.step_up import MFA_ACR_VALUES
from django_cognito.testing import sign_in
from django_cognito.users.live_check import Verdict
from tests.support.form_browser import FIELDS, NAVIGATION, PAIRS, FormBrowser, check, is_page, read_page, send_async
from tests.support.form_site import read_rows

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.form_site"),
    pytest.mark.usefixtures("cognito_keys"),
]
LEVELS = urlencode({"acr_values": " ".join(MFA_ACR_VALUES)}, quote_via=quote)
MFA = {"acr": MFA_ACR_VALUES[0], "amr": ["pwd", "otp", "mfa"]}


def sign_in_long_ago(browser: Client, username: str = "alice") -> Any:
    return sign_in(browser, username, auth_time=int(time.time()) - 3_600)


@pytest.fixture
def browser() -> FormBrowser:
    browser = FormBrowser()
    sign_in_long_ago(browser)
    return browser


@pytest.mark.parametrize(
    ("path", "query"),
    [("recent/", "max_age=300"), ("recent/async/", "max_age=300"), ("secret/", LEVELS)],
    ids=["recent", "recent, async", "mfa"],
)
def test_form_is_not_lost_by_a_step_up(browser: FormBrowser, path: str, query: str) -> None:
    url = f"/notes/{path}"
    page = read_page(send_async(browser, url) if "async" in path else browser.send(url))
    assert (page.fields, page.forms[0]["action"]) == (PAIRS, url)
    assert page.sign_in_url == f"/auth/step-up/?{query}&next=/auth/resubmit/"
    assert read_rows() == []
    assert CognitoLogin.objects.active().count() == 1


def test_form_is_sent_only_after_the_step_up(browser: FormBrowser) -> None:
    page = read_page(browser.send("/notes/recent/"))
    assert check(browser, page).json() == {"state": "sign_in"}
    sign_in(browser, "alice")
    answer = check(browser, page).json()
    assert answer["state"] == "same"
    assert browser.send("/notes/recent/", token=answer["token"]).status_code == 200
    assert [row["fields"]["title"] for row in read_rows()] == [[FIELDS["title"]]]


def test_step_up_of_another_user_sends_nothing(browser: FormBrowser) -> None:
    page = read_page(browser.send("/notes/recent/"))
    sign_in(browser, "bob")
    assert check(browser, page).json() == {"state": "other"}


def test_sign_in_without_the_second_factor_sends_nothing(browser: FormBrowser) -> None:
    page = read_page(browser.send("/notes/secret/"))
    sign_in(browser, "alice")
    assert check(browser, page).json() == {"state": "sign_in"}
    sign_in(browser, "alice", **MFA)
    assert check(browser, page).json()["state"] == "same"


def test_anonymous_form_gets_the_login_with_the_requirement() -> None:
    browser = FormBrowser()
    page = read_page(browser.send("/notes/recent/"))
    assert page.sign_in_url == "/auth/login/?max_age=300&next=/auth/resubmit/"
    sign_in_long_ago(browser)
    assert check(browser, page).json() == {"state": "sign_in"}
    sign_in(browser, "alice")
    assert check(browser, page).json()["state"] == "confirm"


def test_form_of_a_user_whom_a_live_check_rejects_is_not_lost(
    browser: FormBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(browser, "alice")
    verdict = Verdict("user_disabled_in_cognito")
    monkeypatch.setattr("django_cognito.web.live_check.check_user", lambda _: verdict)
    page = read_page(browser.send("/notes/live/"))
    assert (page.fields, page.sign_in_url) == (PAIRS, "/auth/login/?next=/auth/resubmit/")
    sign_in(browser, "bob")
    assert check(browser, page).json() == {"state": "other"}


def test_form_of_the_package_is_not_lost(browser: FormBrowser) -> None:
    CognitoLogin.objects.all().delete()
    page = read_page(browser.send("/auth/logins/end-others/", {"next": "/notes/"}))
    assert (page.fields, page.forms[0]["action"]) == ([("next", "/notes/")], "/auth/logins/end-others/")


def test_step_up_of_a_form_without_a_csrf_token_repeats_nothing(browser: FormBrowser) -> None:
    response = browser.post("/notes/recent/", FIELDS, headers=NAVIGATION)
    assert (response.status_code, is_page(response)) == (403, False)


def test_step_up_of_a_form_of_another_site_repeats_nothing(browser: FormBrowser) -> None:
    response = browser.send("/notes/recent/", headers={**NAVIGATION, "sec-fetch-site": "same-site"})
    assert (response.status_code, response["Location"].partition("?")[0]) == (302, "/auth/step-up/")


def test_script_that_needs_a_step_up_gets_401_as_before(browser: FormBrowser) -> None:
    response = browser.send("/notes/recent/", headers={**NAVIGATION, "sec-fetch-mode": "cors"})
    assert (response.status_code, response.json()["code"]) == (401, "insufficient_user_authentication")


def test_user_with_a_recent_sign_in_sends_the_form_directly(browser: FormBrowser) -> None:
    sign_in(browser, "alice")
    assert browser.send("/notes/recent/").status_code == 200
    assert len(read_rows()) == 1
