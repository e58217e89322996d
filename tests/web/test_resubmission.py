"""A form whose request requires a sign-in: the page that sends it again, and what must not be sent or shown."""

import re
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import clear_url_caches, path
from django.utils.functional import SimpleLazyObject
from django.utils.http import urlencode
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.models import CognitoLogin
from django_cognito.testing import sign_in
from django_cognito.web import resubmission
from django_cognito.web.resubmission import FormOwner
from tests.support import form_site
from tests.support.error_reports import report_of
from tests.support.form_browser import (
    FIELDS,
    NAVIGATION,
    PAIRS,
    FormBrowser,
    Page,
    check,
    is_page,
    read_page,
    send_async,
)
from tests.support.form_site import PATH, read_rows
from tests.support.scenarios.login import create_login, refusal

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.form_site")]

HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def browser() -> FormBrowser:
    return FormBrowser()


@pytest.fixture
def ended(browser: FormBrowser, token_endpoint: ScriptedServer) -> FormBrowser:
    """Return a browser of alice, whose login Cognito does not refresh."""
    create_login(browser, ends_in=-1)
    token_endpoint.script(refusal())
    return browser


def test_form_of_an_ended_login_gets_a_page_with_all_fields(ended: FormBrowser) -> None:
    response = ended.send()
    page = read_page(response)
    assert page.fields == PAIRS
    assert page.forms == [
        {
            "id": "resubmission-form",
            "method": "post",
            "action": PATH,
            "enctype": "multipart/form-data",
            "autocomplete": "off",
        }
    ]
    assert page.sign_in_url == "/auth/login/?next=/auth/resubmit/"
    assert read_rows() == []
    assert not CognitoLogin.objects.active().exists()


def test_url_encoded_form_keeps_its_encoding(ended: FormBrowser) -> None:
    data = urlencode({**FIELDS, "csrfmiddlewaretoken": ended.open_form()}, doseq=True)
    response = ended.post(PATH, data, content_type="application/x-www-form-urlencoded", headers=NAVIGATION)
    page = read_page(response)
    assert (page.fields, page.forms[0]["enctype"]) == (PAIRS, "application/x-www-form-urlencoded")


def delete_session(browser: Client) -> None:
    Session.objects.all().delete()


def delete_cookie(browser: Client) -> None:
    del browser.cookies["sessionid"]


def end_login_elsewhere(browser: Client) -> None:
    CognitoLogin.objects.all().delete()


@pytest.mark.parametrize("end", [delete_session, delete_cookie, end_login_elsewhere])
@pytest.mark.usefixtures("cognito_keys")
def test_every_end_of_a_session_keeps_the_fields(browser: FormBrowser, end: Any) -> None:
    sign_in(browser, "alice")
    token = browser.open_form()
    end(browser)
    assert read_page(browser.send(token=token)).fields == PAIRS
    assert read_rows() == []


@pytest.mark.parametrize("url", ["/notes/", "/notes/async/", "/notes/group/"])
def test_each_kind_of_view_keeps_the_fields(ended: FormBrowser, url: str) -> None:
    page = read_page(send_async(ended, url) if "async" in url else ended.send(url))
    assert (page.fields, page.forms[0]["action"]) == (PAIRS, url)


def test_template_may_query_the_database_in_an_async_view(ended: FormBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    site = SimpleNamespace(name=SimpleLazyObject(lambda: f"site of {CognitoLogin.objects.count()} logins"))
    monkeypatch.setattr("django_cognito.web.site_name.get_current_site", lambda _: site)
    assert "site of 0 logins" in read_page(send_async(ended, "/notes/async/")).text


def test_view_behind_login_required_middleware_keeps_the_fields(ended: FormBrowser, settings: Any) -> None:
    token = ended.open_form()
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    ended.handler.load_middleware()
    assert read_page(ended.send("/register/", token=token)).fields == PAIRS
    assert read_rows() == []


def test_form_of_the_admin_keeps_the_fields(ended: FormBrowser) -> None:
    page = read_page(ended.send("/admin/auth/group/add/"))
    assert (page.fields, page.sign_in_url) == (PAIRS, "/admin/login/?next=/auth/resubmit/")


def test_own_urls_with_the_app_name_of_the_admin_keep_the_fields(browser: FormBrowser) -> None:
    """They have no URL `login`."""
    assert read_page(browser.send("/own/notes/")).fields == PAIRS


@pytest.mark.parametrize("query", ["", "?url=http://[", "?url=https://[::1/?next=/"], ids=["missing", "host", "IPv6"])
@pytest.mark.parametrize("is_ended", [False, True], ids=["anonymous", "ended"])
def test_redirect_without_a_valid_url_is_returned_as_it_is(
    browser: FormBrowser, token_endpoint: ScriptedServer, query: str, is_ended: bool
) -> None:
    if is_ended:
        create_login(browser, ends_in=-1)
        token_endpoint.script(refusal())
    response = browser.send(f"/redirect/{query}")
    assert (response.status_code, response.get("Location", "")) == (302, query.removeprefix("?url="))
    assert len(read_rows()) == 1


def test_login_url_with_a_query_keeps_its_parameters(browser: FormBrowser, settings: Any) -> None:
    settings.LOGIN_URL = "/auth/login/?identity_provider=Acme"
    page = read_page(browser.send())
    assert page.sign_in_url == "/auth/login/?identity_provider=Acme&next=/auth/resubmit/"


# The CSRF check comes first.


@pytest.mark.parametrize("token", ["x" * 64, "", "short", "é"])
def test_form_with_a_wrong_csrf_token_is_not_repeated(ended: FormBrowser, token: str) -> None:
    ended.open_form()
    data = {**FIELDS, "title": HOSTILE, "csrfmiddlewaretoken": token}
    response = ended.post(PATH, data, headers=NAVIGATION)
    assert response.status_code == 403
    assert not is_page(response)
    assert b"alert(1)" not in response.content
    assert read_rows() == []


def test_form_without_a_csrf_cookie_is_not_repeated(ended: FormBrowser) -> None:
    token = ended.open_form()
    del ended.cookies["csrftoken"]
    assert not is_page(ended.send(token=token))


def test_form_of_another_origin_is_not_repeated(ended: FormBrowser) -> None:
    response = ended.send(headers={**NAVIGATION, "origin": "https://evil.example"})
    assert response.status_code == 403
    assert not is_page(response)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-dest": "iframe"},
        {"sec-fetch-dest": ""},
    ],
    ids=lambda headers: "-".join(headers.values()) or "empty",
)
def test_request_that_is_no_form_of_the_page_is_redirected(ended: FormBrowser, headers: dict[str, str]) -> None:
    response = ended.send(headers={**NAVIGATION, **headers})
    assert (response.status_code, urlsplit(response["Location"]).path) == (302, "/auth/login/")


def test_request_without_fetch_metadata_is_redirected(ended: FormBrowser) -> None:
    assert ended.send(headers={}).status_code == 302


def test_script_gets_401_as_before(ended: FormBrowser) -> None:
    response = ended.send(headers={**NAVIGATION, "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"})
    assert (response.status_code, response.json()["code"]) == (401, "login_ended")


def test_view_without_a_csrf_check_is_redirected(ended: FormBrowser) -> None:
    assert ended.send("/notes/exempt/").status_code == 302


@pytest.mark.usefixtures("cognito_keys")
def test_test_client_without_the_csrf_check_is_redirected(client: Client) -> None:
    assert client.post(PATH, FIELDS, headers=NAVIGATION).status_code == 302


def test_login_required_before_the_csrf_check_is_redirected(ended: FormBrowser, settings: Any) -> None:
    token = ended.open_form()
    csrf, login = "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.LoginRequiredMiddleware"
    settings.MIDDLEWARE = [*(name for name in settings.MIDDLEWARE if name != csrf), login, csrf]
    ended.handler.load_middleware()
    assert ended.send(token=token).status_code == 302


def test_csrf_token_in_the_session_is_accepted_until_it_ends(ended: FormBrowser, settings: Any) -> None:
    settings.CSRF_USE_SESSIONS = True
    assert read_page(ended.send()).fields == PAIRS


# Nothing of the request becomes markup.


def test_names_values_and_files_are_escaped(ended: FormBrowser) -> None:
    photo = SimpleUploadedFile("<img src=x onerror=alert(2)>.png", b"secret bytes")
    response = ended.send(fields={"title": HOSTILE, HOSTILE: "x", "photo><b>": photo})
    page = read_page(response)
    assert page.fields == [("title", HOSTILE), (HOSTILE, "x")]
    assert [item["src"] for tag, item in page.elements if tag == "script"] == ["/static/django_cognito/resubmission.js"]
    assert not [tag for tag, _ in page.elements if tag in ("img", "b")]
    assert b"secret bytes" not in response.content


def test_path_with_two_slashes_does_not_send_the_form_to_another_host(
    browser: FormBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = form_site.login_required(form_site.save)
    monkeypatch.setattr(form_site, "urlpatterns", [path("/evil.example/", view), *form_site.urlpatterns])
    clear_url_caches()
    token = browser.open_form()
    response = browser.generic(
        "POST",
        "//evil.example/",
        urlencode({"title": "x", "csrfmiddlewaretoken": token}),
        "application/x-www-form-urlencoded",
        PATH_INFO="//evil.example/",
        headers=NAVIGATION,
    )
    clear_url_caches()
    assert read_page(response).forms[0]["action"] == "/%2Fevil.example/"


def test_page_is_not_cached_framed_or_open_to_inline_scripts(ended: FormBrowser) -> None:
    response = ended.send()
    policy = {name: sources for name, *sources in map(str.split, response["Content-Security-Policy"].split(";"))}
    assert "no-store" in response["Cache-Control"]
    assert (response["X-Frame-Options"], response["X-Content-Type-Options"]) == ("DENY", "nosniff")
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert response["Referrer-Policy"] == "same-origin"
    assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == (["'none'"],) * 3
    assert "form-action" not in policy  # browsers apply it to the redirects of the view
    assert (policy["script-src"], policy["connect-src"]) == (["'self'"], ["'self'"])
    assert not re.search(r"<script>|\son\w+=|javascript:", response.content.decode())


def test_page_has_no_csrf_token_and_no_primary_key(ended: FormBrowser) -> None:
    token = ended.open_form()
    response = ended.send(token=token)
    assert token not in response.content.decode()
    owner = FormOwner.open(read_page(response).owner)
    assert owner is not None
    assert owner.user_id.isdigit()
    assert f'"{owner.user_id}"' not in response.content.decode()


# The POST arrives once.


def test_view_that_has_run_is_not_repeated(browser: FormBrowser) -> None:
    response = browser.send("/register/")
    assert (response.status_code, response["Location"]) == (302, "/auth/login/")
    assert len(read_rows()) == 1


@pytest.mark.usefixtures("cognito_keys")
def test_view_that_signs_the_user_out_is_not_repeated(browser: FormBrowser) -> None:
    sign_in(browser, "alice")
    assert browser.send("/sign-out/").status_code == 302
    assert len(read_rows()) == 1


def test_view_whose_refresh_fails_is_not_repeated(browser: FormBrowser, token_endpoint: ScriptedServer) -> None:
    create_login(browser)
    token_endpoint.script(refusal())
    response = browser.send("/refresh/")
    assert (response.status_code, response["Location"]) == (302, "/auth/login/?next=/refresh/")
    assert len(read_rows()) == 1


@pytest.mark.usefixtures("cognito_keys")
def test_user_without_the_permission_is_redirected(browser: FormBrowser) -> None:
    sign_in(browser, "alice")
    assert browser.send("/notes/permission/").status_code == 302


@pytest.mark.usefixtures("token_endpoint")
def test_form_is_stored_once_with_the_new_token_and_never_with_the_old(ended: FormBrowser) -> None:
    token = ended.open_form()
    page = read_page(ended.send(token=token))
    sign_in(ended, "alice")
    rotate_csrf_cookie(ended)
    assert ended.send(token=token).status_code == 403  # the page is reloaded
    assert read_rows() == []
    answer = check(ended, page).json()
    assert answer["state"] == "same"
    assert ended.send(fields=dict(FIELDS), token=answer["token"]).status_code == 200
    assert [row["fields"]["tag"] for row in read_rows()] == [["one", "two"]]


def rotate_csrf_cookie(browser: Client) -> None:
    """Change the cookie as Django's `login()` does in a response."""
    del browser.cookies["csrftoken"]
    browser.get("/form/")


# Only the user who sent the form.


def test_check_requires_a_sign_in_of_the_same_user(ended: FormBrowser) -> None:
    page = read_page(ended.send())
    assert check(ended, page).json() == {"state": "sign_in"}
    sign_in(ended, "bob")
    assert check(ended, page).json() == {"state": "other"}
    sign_in(ended, "alice")
    assert check(ended, page).json()["state"] == "same"


@pytest.mark.usefixtures("cognito_keys")
def test_form_of_an_expired_session_needs_a_confirmation_with_the_name(browser: FormBrowser) -> None:
    page = read_page(browser.send())
    sign_in(browser, "bob")
    answer = check(browser, page).json()
    assert (answer["state"], answer["name"]) == ("confirm", "bob")


@pytest.mark.usefixtures("cognito_keys")
def test_local_user_whose_session_ended_is_the_owner(browser: FormBrowser, django_user_model: Any) -> None:
    user = django_user_model.objects.create_user("local", password="a-password")
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    user.set_password("another")
    user.save()
    page = read_page(browser.send())
    sign_in(browser, "bob")
    assert check(browser, page).json() == {"state": "other"}


@pytest.mark.parametrize("owner", ["", "x", "forged" * 10])
def test_check_of_a_forged_owner_is_refused(client: Client, owner: str) -> None:
    response = client.get("/auth/resubmit/check/", {"owner": owner}, headers={"sec-fetch-site": "same-origin"})
    assert (response.status_code, response.json()) == (400, {"state": "failed"})


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
@pytest.mark.usefixtures("cognito_keys")
def test_check_by_another_site_gets_no_token(client: Client, site: str) -> None:
    sign_in(client, "alice")
    response = client.get("/auth/resubmit/check/", {"owner": FormOwner("1").seal()}, headers={"sec-fetch-site": site})
    assert (response.status_code, response.json()) == (400, {"state": "failed"})


@pytest.mark.usefixtures("cognito_keys")
def test_check_is_not_cached(client: Client) -> None:
    sign_in(client, "alice")
    response = client.get(
        "/auth/resubmit/check/", {"owner": FormOwner().seal()}, headers={"sec-fetch-site": "same-origin"}
    )
    assert response.json()["state"] == "confirm"
    assert "no-store" in response["Cache-Control"]
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.usefixtures("cognito_keys")
def test_page_of_the_second_tab_is_for_signed_in_users(client: Client) -> None:
    assert client.get("/auth/resubmit/")["Location"] == "/auth/login/?next=/auth/resubmit/"
    sign_in(client, "alice")
    response = client.get("/auth/resubmit/")
    assert (response.status_code, "You are signed in" in response.content.decode()) == (200, True)
    assert "script-src 'self'" in response["Content-Security-Policy"]


# Files, sizes and settings.


def test_files_are_named_as_lost_and_can_be_chosen_again(ended: FormBrowser) -> None:
    photos = [SimpleUploadedFile(name, b"x") for name in ("a.png", "b.png")]
    page = read_page(ended.send(fields={"title": "x", "photo": photos, "plan": SimpleUploadedFile("c.pdf", b"x")}))
    inputs = [item for tag, item in page.elements if tag == "input" and item["type"] == "file"]
    assert [(item["name"], "multiple" in item) for item in inputs] == [("photo", True), ("plan", False)]
    assert "These files are lost." in page.text
    assert ("a.png, b.png" in page.text, "c.pdf" in page.text) == (True, True)


def test_large_form_is_named_as_lost(ended: FormBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resubmission, "_MAX_CHARACTERS", 100)
    response = ended.send(fields={"text": "x" * 97})
    assert response.status_code == 403
    page = Page(response)
    assert (page.fields, page.forms, "too large" in page.text) == ([], [], True)
    assert b"xxx" not in response.content


def test_form_of_the_largest_size_gets_its_page(ended: FormBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resubmission, "_MAX_CHARACTERS", 100)
    assert read_page(ended.send(fields={"text": "x" * 96})).fields == [("text", "x" * 96)]


def test_setting_restores_the_redirect(ended: FormBrowser, cognito: Any) -> None:
    cognito(RESUBMIT_FORMS=False)
    response = ended.send()
    assert (response.status_code, urlsplit(response["Location"]).path) == (302, "/auth/login/")


def test_get_request_is_redirected(ended: FormBrowser) -> None:
    assert ended.get(PATH, headers=NAVIGATION).status_code == 302


def test_report_of_a_page_that_fails_has_no_field(ended: FormBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_cognito.web.site_name.get_current_site", lambda _: 1 / 0)
    password = f"entered by {ended.__class__.__name__}"  # a report has the source of this test too
    with pytest.raises(ZeroDivisionError) as raised:
        ended.send(fields={"new_password": password})
    assert password not in report_of(raised.value)
