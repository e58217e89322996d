"""The admin, entered and left by way of Cognito; by a local password only where the site says so.

Every test here also runs with a user model of the site's own, in a pytest of its own.
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
from tests.support.scenarios.login import finish_sign_in, read_query, start_sign_in, token_response, username_at

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin.two_admins_site")]

ADMINS = pytest.mark.parametrize("admin", ["/admin/", "/backoffice/"])
PASSWORD = "a long local password"


@pytest.fixture(autouse=True)
def _site(settings: Any, token_endpoint: ScriptedServer) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"admins": {"staff": True, "superuser": True}}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick


@pytest.fixture
def local(settings: Any) -> Any:
    """A site that keeps the admin's own form, and somebody with a local password."""
    settings.COGNITO = {**settings.COGNITO, "ADMIN_LOCAL_PASSWORD": True}
    return get_user_model().objects.create_superuser("root", "root@example.com", PASSWORD)


def ways(client: Client, path: str) -> list[str]:
    """Where redirects within the site lead from `path`, up to the hosted UI or to a page."""
    seen: list[str] = []
    answer = client.get(path)
    while answer.status_code == 302 and len(seen) < 6:
        seen.append(answer["Location"])
        if not seen[-1].startswith("/"):
            return seen
        answer = client.get(seen[-1])
    return [*seen, str(answer.status_code)]


# In


@ADMINS
def test_a_stranger_is_sent_to_sign_in_and_comes_back_to_the_page(
    client: Client, token_endpoint: ScriptedServer, admin: str
) -> None:
    *_, login, hosted_ui = ways(client, f"{admin}password_change/?a=1")
    assert login.startswith("/auth/login/?next=")
    assert hosted_ui.startswith(f"{token_endpoint.url}/oauth2/authorize?")
    asked = read_query(hosted_ui)
    groups: Any = {"both": {"cognito:groups": ["admins"]}}
    token_endpoint.script(token_response(nonce=asked["nonce"], **groups))
    assert finish_sign_in(client, asked)["Location"] == f"{admin}password_change/?a=1"
    assert client.get(admin).status_code == 200


@ADMINS
@pytest.mark.parametrize(
    "query", ["", "?next=", "?next=//evil.example/", "?next=https://evil.example/", "?next=javascript:alert(1)"]
)
def test_without_a_page_of_this_site_it_is_the_admins_first(client: Client, admin: str, query: str) -> None:
    answer = client.get(f"{admin}login/{query}")
    assert read_query(answer["Location"]) == {"next": admin}


@ADMINS
def test_who_is_signed_in_and_not_staff_is_turned_away_and_does_not_loop(client: Client, admin: str) -> None:
    sign_in(client)
    assert ways(client, admin)[-1] == "403"
    assert username_at(client) == "alice"


def test_who_is_staff_by_a_cognito_group_enters(client: Client) -> None:
    sign_in(client, groups=["admins"])
    assert client.get("/admin/").status_code == 200
    assert "alice" in client.get("/admin/").content.decode()


def test_who_was_made_staff_by_hand_enters(client: Client) -> None:
    user = sign_in(client)
    user.is_staff = True
    user.save()
    assert client.get("/admin/").status_code == 200


@ADMINS
@pytest.mark.parametrize(
    ("query", "leads_to"),
    [("", ""), ("?next=//evil.example/", ""), ("?next={admin}password_change/", "password_change/"), ("?local", "")],
)
def test_who_is_in_already_is_not_sent_to_sign_in(client: Client, admin: str, query: str, leads_to: str) -> None:
    sign_in(client, groups=["admins"])
    answer = client.get(f"{admin}login/{query.format(admin=admin)}")
    assert (answer.status_code, answer["Location"]) == (302, f"{admin}{leads_to}")


def test_who_asks_for_the_login_as_next_does_not_loop(client: Client) -> None:
    sign_in(client, groups=["admins"])
    assert ways(client, "/admin/login/?next=/admin/login/") == ["/admin/login/", "/admin/", "200"]


def test_the_way_in_is_open_on_a_site_that_requires_logins(client: Client, settings: Any, local: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert client.get("/admin/login/")["Location"] == "/auth/login/?next=/admin/"
    assert client.get("/admin/login/?local").status_code == 200
    assert ways(client, "/admin/")[-1].startswith("http://127.0.0.1")


def test_the_way_in_is_kept_by_no_cache(client: Client) -> None:
    assert "no-store" in client.get("/admin/login/")["Cache-Control"]


def test_under_a_prefix_the_ways_have_it(client: Client, prefix: str) -> None:
    answer = client.get("/admin/", SCRIPT_NAME=prefix)
    assert answer["Location"] == "/notes/admin/login/?next=/notes/admin/"
    answer = client.get("/admin/login/?next=/notes/admin/", SCRIPT_NAME=prefix)
    assert answer["Location"] == "/notes/auth/login/?next=/notes/admin/"
    assert client.get("/admin/login/")["Location"] == "/notes/auth/login/?next=/notes/admin/"


# By a local password


@ADMINS
@pytest.mark.parametrize("is_signed_in", [False, True])
def test_without_the_setting_there_is_no_form_and_no_local_password_works(
    client: Client, settings: Any, local: Any, admin: str, is_signed_in: bool
) -> None:
    settings.COGNITO = {**settings.COGNITO, "ADMIN_LOCAL_PASSWORD": False}
    if is_signed_in:
        sign_in(client)
    form = {"username": "root", "password": PASSWORD}
    for answer in (client.get(f"{admin}login/?local"), client.post(f"{admin}login/?local", form)):
        assert answer.status_code == (403 if is_signed_in else 302)
        assert "password" not in answer.content.decode()
    assert username_at(client) == ("alice" if is_signed_in else "nobody")


@ADMINS
def test_with_the_setting_djangos_form_works_with_a_local_password(
    token_endpoint: ScriptedServer, local: Any, admin: str
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


def test_with_the_setting_who_does_not_ask_for_the_form_still_goes_to_cognito(client: Client, local: Any) -> None:
    assert client.get("/admin/login/")["Location"] == "/auth/login/?next=/admin/"
    client.post("/admin/login/", {"username": "root", "password": PASSWORD})
    assert username_at(client) == "nobody"


def test_the_form_takes_no_password_of_a_person_of_cognito(client: Client, local: Any) -> None:
    sign_in(Client(), groups=["admins"])
    client.post("/admin/login/?local", {"username": "alice", "password": ""})
    client.post("/admin/login/?local", {"username": "alice", "password": PASSWORD})
    assert username_at(client) == "nobody"


# Out


@ADMINS
def test_a_logout_leaves_the_site_and_the_hosted_ui(client: Client, token_endpoint: ScriptedServer, admin: str) -> None:
    asked = start_sign_in(client)
    groups: Any = {"both": {"cognito:groups": ["admins"]}}
    token_endpoint.script(token_response(nonce=asked["nonce"], **groups), Answer())
    finish_sign_in(client, asked)
    answer = client.post(f"{admin}logout/")
    assert answer["Location"].startswith(f"{token_endpoint.url}/logout?")
    assert token_endpoint.requests[-1].path == "/oauth2/revoke"
    assert username_at(client) == "nobody"


def test_a_visit_of_the_admins_logout_asks_first(client: Client) -> None:
    sign_in(client, groups=["admins"])
    assert '<form method="post" action="/auth/logout/">' in client.get("/admin/logout/").content.decode()
    assert username_at(client) == "alice"


def test_a_logout_from_another_site_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client, groups=["admins"])
    answer = client.post("/admin/logout/")
    assert (answer.status_code, answer["Location"]) == (302, "/auth/logout/")
    assert username_at(client) == "alice"


@pytest.mark.parametrize("middleware", [[], ["django.contrib.auth.middleware.LoginRequiredMiddleware"]])
def test_logout_after_the_session_expired_goes_through_cognito(
    client: Client, token_endpoint: ScriptedServer, settings: Any, middleware: list[str]
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, *middleware]
    assert client.post("/admin/logout/")["Location"].startswith(f"{token_endpoint.url}/logout?")
    assert client.get("/admin/logout/").status_code == 200


def test_who_came_by_a_local_password_leaves_the_site_alone(
    client: Client, token_endpoint: ScriptedServer, local: Any
) -> None:
    client.post("/admin/login/?local", {"username": "root", "password": PASSWORD})
    assert client.post("/admin/logout/")["Location"] == "http://testserver/"
    assert (username_at(client), token_endpoint.count) == ("nobody", 0)


# As the default


def test_the_apps_config_makes_it_the_default_site() -> None:
    assert CognitoAdminConfig.default_site == "django_cognito.admin.CognitoAdminSite"
    program = (
        "import django; from django.conf import settings; from tests import settings as ours;"
        "given = {name: getattr(ours, name) for name in dir(ours) if name.isupper()};"
        "apps = ['django_cognito.admin_config.CognitoAdminConfig', *given.pop('INSTALLED_APPS')[1:]];"
        "settings.configure(**given, INSTALLED_APPS=apps); django.setup();"
        "from django.contrib import admin; from django.contrib.auth.models import User;"
        "print(admin.site.__class__.__name__, admin.site.is_registered(User))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=source.PROJECT_DIRECTORY, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "CognitoAdminSite True", done.stderr


# With another user model


def test_all_of_this_with_a_user_model_of_the_sites_own() -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--nomigrations",
        "--ds=tests.custom_users.admin_settings",
        __file__,
    ]
    environment = {**os.environ, "USER_MODEL": "UniqueEmailUser", "DJANGO_COGNITO_TEST_DATABASE": "sqlite"}
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-k", "not apps_config and not all_of_this"],
        env=environment,
        cwd=source.PROJECT_DIRECTORY,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
