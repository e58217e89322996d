"""docs/admin.md: an admin site of the project with sign-in via Cognito, the links of a user, and the local password."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.new_project import NewProject

SCRIPT = """
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.checks import run_checks

anonymous = Client().get("/admin/")
start = Client().get(anonymous["Location"])
editor, viewer = Client(), Client()
alice = sign_in(editor, "alice", groups=["editors"])
sign_in(viewer, "bob", groups=["viewers"])
refusal = viewer.get("/admin/login/")
restart = viewer.post("/admin/login/")
link = alice.cognito_users.get()

User.objects.create_superuser("root", password="A-local-password-1")
local = Client()
credentials = {"username": "root", "password": "A-local-password-1"}
wrong_url = Client().post("/admin/login/", credentials)
local_start = local.post("/admin/login/?local", {**credentials, "next": "/admin/"})
result = {
    "checks": [message.id for message in run_checks()],
    "site": admin.site.__class__.__name__,
    "header": "Fieldnotes" in editor.get("/admin/").text,
    "anonymous": [anonymous["Location"], start.headers.get("Location", "").partition("?")[0]],
    "viewer": [refusal.status_code, "Sign in with another account" in refusal.text, restart.headers.get("Location")],
    "bearer": Client().get("/admin/", headers=bearer(groups=["admins"])).json()["code"],
    "page of a user": link.sub in editor.get(f"/admin/auth/user/{alice.pk}/change/").text,
    "links": [
        editor.get("/admin/django_cognito/cognitouser/", {"q": "ali"}).status_code,
        editor.get("/admin/django_cognito/cognitologin/").status_code,
        editor.post(f"/admin/django_cognito/cognitouser/{link.pk}/delete/", {"post": "yes"}).status_code,
    ],
    "local": [local_start.headers.get("Location"), local.get("/admin/").status_code, "sessionid" in wrong_url.cookies],
}
"""


@pytest.fixture(scope="module")
def result(follow: Callable[[str], NewProject]) -> Any:
    return follow("admin").run_script(SCRIPT)


def test_anonymous_request_to_the_admin_signs_in_at_cognito(result: Any) -> None:
    admin_login, hosted_ui = result["anonymous"]
    assert admin_login == "/admin/login/?next=/admin/"
    assert hosted_ui == "/auth/login/"


def test_default_site_is_the_class_of_the_page(result: Any) -> None:
    assert result["site"] == "SiteAdmin"
    assert result["header"]


def test_settings_of_the_page_have_no_check_message(result: Any) -> None:
    assert [name for name in result["checks"] if name.startswith(("django_cognito.E", "admin."))] == []


def test_user_who_is_not_staff_gets_a_page(result: Any) -> None:
    assert result["viewer"] == [403, True, "/auth/login/?prompt=login&next=/admin/"]


def test_bearer_token_does_not_open_the_admin(result: Any) -> None:
    assert result["bearer"] == "session_required"


def test_own_user_admin_shows_the_links(result: Any) -> None:
    assert result["page of a user"]


def test_pages_of_links_need_their_permissions(result: Any) -> None:
    assert result["links"] == [200, 403, 403]


def test_local_password_works_at_its_url_only(result: Any) -> None:
    assert result["local"] == ["/admin/", 200, False]
