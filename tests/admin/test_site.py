"""Sign-in to the admin and sign-out via Cognito; with a local password only if the setting allows it.

Most tests of this directory also run with a custom user model, in a separate pytest process.
"""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.admin_config import CognitoAdminConfig
from django_cognito.testing import sign_in
from tests.support import source
from tests.support.pytest_process import run_pytest
from tests.support.scenarios.login import finish_sign_in, read_query, start_sign_in, token_response, username_at

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin.two_admins_site")]

ADMINS = pytest.mark.parametrize("admin", ["/admin/", "/backoffice/"])
PASSWORD = "a long local password"


@pytest.fixture(autouse=True)
def _site(settings: Any, token_endpoint: ScriptedServer) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"admins": {"staff": True, "superuser": True}}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick


@pytest.fixture
def local_superuser(settings: Any) -> Any:
    """Enable the admin's own form; return a superuser with a local password."""
    settings.COGNITO = {**settings.COGNITO, "ADMIN_LOCAL_PASSWORD": True}
    return get_user_model().objects.create_superuser("root", "root@example.com", PASSWORD)


def follow_redirects(client: Client, path: str) -> list[str]:
    """Return the URLs of the redirects from `path`, up to the hosted UI or to the status of a page."""
    urls: list[str] = []
    answer = client.get(path)
    while answer.status_code == 302 and len(urls) < 6:
        urls.append(answer["Location"])
        if not urls[-1].startswith("/"):
            return urls
        answer = client.get(urls[-1])
    return [*urls, str(answer.status_code)]


# Sign-in


@ADMINS
def test_anonymous_admin_request_signs_in_and_returns_to_the_page(
    client: Client, token_endpoint: ScriptedServer, admin: str
) -> None:
    *_, login, hosted_ui = follow_redirects(client, f"{admin}password_change/?a=1")
    assert login.startswith("/auth/login/?next=")
    assert hosted_ui.startswith(f"{token_endpoint.url}/oauth2/authorize?")
    params = read_query(hosted_ui)
    groups: Any = {"both": {"cognito:groups": ["admins"]}}
    token_endpoint.script(token_response(nonce=params["nonce"], **groups))
    assert finish_sign_in(client, params)["Location"] == f"{admin}password_change/?a=1"
    assert client.get(admin).status_code == 200


@ADMINS
@pytest.mark.parametrize(
    "query", ["", "?next=", "?next=//evil.example/", "?next=https://evil.example/", "?next=javascript:alert(1)"]
)
def test_admin_login_with_unsafe_next_uses_the_admin_index(client: Client, admin: str, query: str) -> None:
    answer = client.get(f"{admin}login/{query}")
    assert read_query(answer["Location"]) == {"next": admin}


@ADMINS
def test_admin_refuses_non_staff_user_without_a_redirect_loop(client: Client, admin: str) -> None:
    sign_in(client)
    assert follow_redirects(client, admin)[-1] == "403"
    assert username_at(client) == "alice"


@ADMINS
def test_admin_refusal_page_names_the_user_and_offers_sign_out(client: Client, admin: str) -> None:
    sign_in(client, "<b>alice</b>", email="alice@example.com")
    page = client.get(f"{admin}login/")
    assert "You are signed in as <strong>&lt;b&gt;alice&lt;/b&gt;</strong>." in page.content.decode()
    assert f'formaction="{admin}logout/"' in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert page["Referrer-Policy"] == "same-origin"


@ADMINS
def test_admin_refusal_page_starts_a_sign_in_with_another_account(
    client: Client, token_endpoint: ScriptedServer, admin: str
) -> None:
    sign_in(client)
    answer = client.post(f"{admin}login/?next={admin}password_change/")
    assert answer["Location"] == f"/auth/login/?prompt=login&next={admin}password_change/"
    params = read_query(client.get(answer["Location"])["Location"])
    assert params["prompt"] == "login"  # otherwise Cognito's own session would return the same user
    assert username_at(client) == "alice"  # until the other sign-in succeeds
    groups: Any = {"both": {"cognito:groups": ["admins"]}}
    token_endpoint.script(token_response("carol", nonce=params["nonce"], **groups))
    assert finish_sign_in(client, params)["Location"] == f"{admin}password_change/"
    assert (username_at(client), client.get(admin).status_code) == ("carol", 200)


def test_admin_refusal_after_a_second_refused_account_does_not_loop(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    sign_in(client)
    params = read_query(client.get(client.post("/admin/login/")["Location"])["Location"])
    token_endpoint.script(token_response("bob", nonce=params["nonce"]))
    assert finish_sign_in(client, params)["Location"] == "/admin/"
    assert follow_redirects(client, "/admin/") == ["/admin/login/?next=/admin/", "403"]
    assert username_at(client) == "bob"


@pytest.mark.parametrize("next_url", ["//evil.example/", "https://evil.example/", "javascript:alert(1)"])
def test_admin_refusal_form_with_unsafe_next_uses_the_index(client: Client, next_url: str) -> None:
    sign_in(client)
    answer = client.post("/backoffice/login/", query_params={"next": next_url})
    assert answer["Location"] == "/auth/login/?prompt=login&next=/backoffice/"


def test_admin_refusal_form_without_csrf_token_is_rejected(settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "csrf" not in name]  # the view checks it too
    client = Client(enforce_csrf_checks=True)
    sign_in(client)
    assert client.post("/admin/login/").status_code == 403
    client.get("/admin/login/")
    token = {"csrfmiddlewaretoken": client.cookies["csrftoken"].value}
    assert client.post("/admin/login/", token).status_code == 302


def test_admin_refusal_page_allows_its_forms_to_reach_cognito(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client)
    policy = client.get("/admin/login/")["Content-Security-Policy"]
    assert f"form-action 'self' {token_endpoint.url}" in policy
    assert "script-src" not in policy


def test_admin_accepts_staff_by_cognito_group(client: Client) -> None:
    sign_in(client, groups=["admins"])
    assert client.get("/admin/").status_code == 200
    assert "alice" in client.get("/admin/").content.decode()


def test_admin_accepts_staff_set_on_the_user(client: Client) -> None:
    user = sign_in(client)
    user.is_staff = True
    user.save()
    assert client.get("/admin/").status_code == 200


@ADMINS
@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("", ""),
        ("?next=//evil.example/", ""),
        ("?next={admin}password_change/", "password_change/"),
        ("?local", ""),
    ],
)
def test_admin_login_of_signed_in_staff_redirects_to_next(client: Client, admin: str, query: str, path: str) -> None:
    sign_in(client, groups=["admins"])
    answer = client.get(f"{admin}login/{query.format(admin=admin)}")
    assert (answer.status_code, answer["Location"]) == (302, f"{admin}{path}")


def test_admin_login_with_itself_as_next_does_not_loop(client: Client) -> None:
    sign_in(client, groups=["admins"])
    assert follow_redirects(client, "/admin/login/?next=/admin/login/") == ["/admin/login/", "/admin/", "200"]


def test_admin_login_is_exempt_from_login_required_middleware(
    client: Client, settings: Any, local_superuser: Any
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert client.get("/admin/login/")["Location"] == "/auth/login/?next=/admin/"
    assert client.get("/admin/login/?local").status_code == 200
    assert follow_redirects(client, "/admin/")[-1].startswith("http://127.0.0.1")


def test_admin_login_is_not_cacheable(client: Client) -> None:
    assert "no-store" in client.get("/admin/login/")["Cache-Control"]


def test_admin_redirects_include_the_script_prefix(client: Client, prefix: str) -> None:
    answer = client.get("/admin/", SCRIPT_NAME=prefix)
    assert answer["Location"] == "/notes/admin/login/?next=/notes/admin/"
    answer = client.get("/admin/login/?next=/notes/admin/", SCRIPT_NAME=prefix)
    assert answer["Location"] == "/notes/auth/login/?next=/notes/admin/"
    assert client.get("/admin/login/")["Location"] == "/notes/auth/login/?next=/notes/admin/"


# Sign-in with a local password


@ADMINS
@pytest.mark.parametrize("is_signed_in", [False, True])
def test_admin_without_setting_refuses_local_passwords(
    client: Client, settings: Any, local_superuser: Any, admin: str, is_signed_in: bool
) -> None:
    settings.COGNITO = {**settings.COGNITO, "ADMIN_LOCAL_PASSWORD": False}
    if is_signed_in:
        sign_in(client)
    form = {"username": "root", "password": PASSWORD}
    page, answer = client.get(f"{admin}login/?local"), client.post(f"{admin}login/?local", form)
    assert (page.status_code, answer.status_code) == (403 if is_signed_in else 302, 302)
    assert "password" not in page.content.decode()
    assert answer["Location"].startswith("/auth/login/?")
    assert username_at(client) == ("alice" if is_signed_in else "nobody")


@ADMINS
def test_admin_with_setting_accepts_a_local_password(
    token_endpoint: ScriptedServer, local_superuser: Any, admin: str
) -> None:
    client = Client(enforce_csrf_checks=True)
    page = client.get(f"{admin}login/?local")
    assert page.status_code == 200
    assert f'action="{admin}login/?local"' in page.content.decode()
    form = {"username": "root", "password": PASSWORD, "next": admin}
    assert client.post(f"{admin}login/?local", form).status_code == 403  # without its CSRF token
    token = {"csrfmiddlewaretoken": client.cookies["csrftoken"].value}
    assert client.post(f"{admin}login/?local", {**form, **token, "password": "wrong"}).status_code == 200
    assert client.post(f"{admin}login/?local", {**form, **token})["Location"] == admin
    assert (username_at(client), client.get(admin).status_code) == ("root", 200)
    assert token_endpoint.count == 0


def test_admin_with_setting_redirects_to_cognito_by_default(client: Client, local_superuser: Any) -> None:
    assert client.get("/admin/login/")["Location"] == "/auth/login/?next=/admin/"
    client.post("/admin/login/", {"username": "root", "password": PASSWORD})
    assert username_at(client) == "nobody"


def test_admin_local_form_refuses_a_cognito_user(client: Client, local_superuser: Any) -> None:
    sign_in(Client(), groups=["admins"])
    client.post("/admin/login/?local", {"username": "alice", "password": ""})
    client.post("/admin/login/?local", {"username": "alice", "password": PASSWORD})
    assert username_at(client) == "nobody"


# Sign-out


@ADMINS
def test_admin_logout_ends_the_sessions_of_site_and_hosted_ui(
    client: Client, token_endpoint: ScriptedServer, admin: str
) -> None:
    params = start_sign_in(client)
    groups: Any = {"both": {"cognito:groups": ["admins"]}}
    token_endpoint.script(token_response(nonce=params["nonce"], **groups), Answer())
    finish_sign_in(client, params)
    answer = client.post(f"{admin}logout/")
    assert answer["Location"].startswith(f"{token_endpoint.url}/logout?")
    assert token_endpoint.requests[-1].path == "/oauth2/revoke"
    assert username_at(client) == "nobody"


def test_admin_logout_by_get_shows_a_confirmation(client: Client) -> None:
    sign_in(client, groups=["admins"])
    assert '<form method="post" action="/auth/logout/">' in client.get("/admin/logout/").content.decode()
    assert username_at(client) == "alice"


def test_admin_logout_without_csrf_token_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client, groups=["admins"])
    answer = client.post("/admin/logout/")
    assert (answer.status_code, answer["Location"]) == (302, "/auth/logout/")
    assert username_at(client) == "alice"


@pytest.mark.parametrize("middleware", [[], ["django.contrib.auth.middleware.LoginRequiredMiddleware"]])
def test_admin_logout_after_session_expiry_redirects_to_cognito(
    client: Client, token_endpoint: ScriptedServer, settings: Any, middleware: list[str]
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, *middleware]
    assert client.post("/admin/logout/")["Location"].startswith(f"{token_endpoint.url}/logout?")
    assert client.get("/admin/logout/").status_code == 200


def test_admin_logout_of_local_user_sends_no_request_to_cognito(
    client: Client, token_endpoint: ScriptedServer, local_superuser: Any
) -> None:
    client.post("/admin/login/?local", {"username": "root", "password": PASSWORD})
    assert client.post("/admin/logout/")["Location"] == "http://testserver/"
    assert (username_at(client), token_endpoint.count) == ("nobody", 0)


# As the default site


@pytest.mark.parametrize(
    ("config", "site"),
    [
        ("django_cognito.admin_config.CognitoAdminConfig", "CognitoAdminSite"),
        ("tests.admin.theme_config.ProjectAdminConfig", "ProjectAdminSite"),
    ],
)
def test_admin_app_config_sets_the_default_site(config: str, site: str) -> None:
    program = (
        "import django; from django.conf import settings; from tests import settings as base;"
        "values = {name: getattr(base, name) for name in dir(base) if name.isupper()};"
        f"apps = ['{config}', *values.pop('INSTALLED_APPS')[1:]];"
        "settings.configure(**values, INSTALLED_APPS=apps); django.setup();"
        "from django.contrib import admin; from django.contrib.auth.models import User;"
        "from django_cognito.models import CognitoUser; site = admin.site;"
        "print(site.__class__.__name__, [site.is_registered(model) for model in (User, CognitoUser)])"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], cwd=source.PROJECT_DIRECTORY, capture_output=True, text=True, timeout=300
    )
    assert process.stdout.strip() == f"{site} [True, True]", process.stderr


def test_cognito_admin_config_names_its_site() -> None:
    assert CognitoAdminConfig.default_site == "django_cognito.admin.CognitoAdminSite"


# With the site of a theme


@pytest.mark.urls("tests.admin.theme_site")
def test_admin_site_of_a_theme_signs_in_via_cognito(client: Client, token_endpoint: ScriptedServer) -> None:
    assert client.get("/admin/login/")["Location"] == "/auth/login/?next=/admin/"
    sign_in(client)
    assert client.get("/admin/login/").status_code == 403
    assert client.post("/admin/logout/")["Location"].startswith(f"{token_endpoint.url}/logout?")
    sign_in(client, "carol", groups=["admins"])
    page = client.get("/admin/")
    assert (page.status_code, page.context["theme"]) == (200, "dark")
    assert "A theme" in page.content.decode()


@pytest.mark.urls("tests.admin.theme_site")
def test_admin_site_of_a_theme_has_its_own_local_form(client: Client, local_superuser: Any) -> None:
    assert "A theme" in client.get("/admin/login/?local").content.decode()
    form = {"username": "root", "password": PASSWORD, "next": "/admin/"}
    assert client.post("/admin/login/?local", form)["Location"] == "/admin/"


# With another user model


def test_admin_with_a_custom_user_model() -> None:
    needs_django_users = "default_site or without_users or simple_admin or project_admins or custom_user_model"
    # The URL of the admin and the user model are independent: each test runs at one of the two URLs.
    others = f"{needs_django_users} or queries or bounded or read or backoffice"
    options = ("--ds=tests.custom_users.admin_settings", "-k", f"not ({others})", os.path.dirname(__file__))
    run_pytest(*options, USER_MODEL="UniqueEmailUser", DJANGO_COGNITO_TEST_DATABASE="sqlite")
