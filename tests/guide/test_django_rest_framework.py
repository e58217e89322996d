"""docs/django-rest-framework.md: tokens beside sessions, permissions, errors, throttles and the browsable API."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.new_project import NewProject

SCRIPT = """
from django.contrib.auth.models import User
from django.core.cache import cache
from mysite.api import NoteViewSet
from mysite.models import Note
from rest_framework.settings import api_settings
from rest_framework.test import APIClient

def send(method, path, client=None, data=None, **headers):
    answer = getattr(client or Client(), method)(path, data, content_type="application/json", headers=headers)
    is_json = answer.headers.get("Content-Type") == "application/json"
    code = answer.json().get("code", "") if is_json and isinstance(answer.json(), dict) else ""
    return [answer.status_code, code]

def machine(scope):
    return bearer(username=None, scope=scope, client_id="2local3machine4client5six")

editor, viewer = bearer(username="eve", groups=["editors"]), bearer(username="vic", groups=["viewers"])
exporter = bearer(username="eve", groups=["editors"], scope="openid notes/export")
note = {"text": "Hello"}
permissions = {
    "editor creates": send("post", "/api/notes/", data=note, **editor),
    "viewer reads": send("get", "/api/notes/", **viewer),
    "viewer creates": send("post", "/api/notes/", data=note, **viewer),
    "user without a group reads": send("get", "/api/notes/", **bearer(username="ada")),
    "machine reads": send("get", "/api/notes/", **machine("local/read")),
    "machine with another scope reads": send("get", "/api/notes/", **machine("local/write")),
    "machine creates": send("post", "/api/notes/", data=note, **machine("local/write")),
    "editor publishes": send("post", "/api/notes/1/publish/", **editor),
    "viewer publishes": send("post", "/api/notes/1/publish/", **viewer),
    "anonymous user publishes": send("post", "/api/notes/1/publish/"),
    "token with the scope exports": send("get", "/api/notes/export/", **exporter),
    "token without the scope exports": send("get", "/api/notes/export/", **editor),
}
notes = [[item.is_published, item.author and item.author.username] for item in Note.objects.order_by("pk")]
errors = {
    "anonymous": send("get", "/api/notes/"),
    "challenge": Client().get("/api/notes/").headers["WWW-Authenticate"],
    "login": Client().get("/api/notes/").json()["login_url"],
    # 301 of the 342 characters of the signature: no length of base64url, whatever the random bytes are.
    "cut token": send("get", "/api/notes/", authorization=viewer["authorization"][:-41]),
    "not JSON": send("post", "/api/notes/", data="{", **editor),
    "invalid": send("post", "/api/notes/", data={}, **editor),
}

browser = Client(enforce_csrf_checks=True)
browser.get("/auth/logout/")
sign_in(browser, "bea", groups=["editors"])
page = browser.get("/api/notes/", headers={"accept": "text/html"}).content.decode()
csrf_token = browser.cookies["csrftoken"].value
sessions = {
    "reads": send("get", "/api/notes/", browser),
    "creates without CSRF token": send("post", "/api/notes/", browser, note),
    "creates": send("post", "/api/notes/", browser, note, **{"x-csrftoken": csrf_token}),
    "creates with a token beside the session": send("post", "/api/notes/", browser, note, **editor),
    "author": Note.objects.latest("pk").author.username,
    "viewer's token beside the session": send("post", "/api/notes/", browser, note, **viewer),
    "rejected token beside the session": send("get", "/api/notes/", browser, authorization="Bearer bad"),
}
NoteViewSet.authentication_classes = NoteViewSet.authentication_classes[::-1]
session_first = {
    "anonymous": send("get", "/api/notes/"),
    "token beside the session": send("post", "/api/notes/", browser, note, **editor),
}
NoteViewSet.authentication_classes = NoteViewSet.authentication_classes[::-1]
anonymous_page = Client().get("/api/notes/", headers={"accept": "text/html"}).content.decode()
pages = {
    "sign in": 'href="/auth/login/?next=%2Fapi%2Fnotes%2F"' in anonymous_page,
    "sign out": 'action="/auth/logout/"' in page and "bea" in page,
}

forced = APIClient()
forced.force_authenticate(User.objects.get(username="eve"))
forced_status = [forced.post("/api/notes/1/publish/").status_code, forced.get("/api/notes/export/").status_code]

from mysite.test_api import test_editor_creates_a_note
test_editor_creates_a_note(None)

def count_allowed(rates, requests):
    cache.clear()
    api_settings.DEFAULT_THROTTLE_RATES.update(rates)
    return [send("get", "/api/notes/", **headers) for headers in requests]

second_token = bearer(username="vic", groups=["viewers"], jti="another")
throttled = {
    "users": count_allowed({"user": "1/hour"}, [viewer, editor, second_token]),
    "machine": count_allowed({"machine": "1/hour"}, [machine("local/read"), viewer, machine("local/read")]),
    "rejected": count_allowed({"user": "1/hour"}, [{"authorization": "Bearer bad"}, {}, {}]),
}
result = {
    "permissions": permissions, "notes": notes, "errors": errors, "sessions": sessions,
    "session first": session_first, "pages": pages, "forced": forced_status, "throttled": throttled,
}
"""


@pytest.fixture(scope="module")
def result(follow: Callable[[str], NewProject]) -> Any:
    return follow("django-rest-framework").run_script(SCRIPT)


@pytest.mark.parametrize(
    ("request_name", "answer"),
    [
        ("editor creates", [201, ""]),
        ("viewer reads", [200, ""]),
        ("viewer creates", [403, "permission_denied"]),
        ("user without a group reads", [403, "permission_denied"]),
        ("editor publishes", [200, ""]),
        ("viewer publishes", [403, "group_required"]),
        ("anonymous user publishes", [401, "not_authenticated"]),
        ("token with the scope exports", [200, ""]),
        ("token without the scope exports", [403, "scope_required"]),
    ],
)
def test_permission_of_a_user_decides(result: Any, request_name: str, answer: list[Any]) -> None:
    assert result["permissions"][request_name] == answer


@pytest.mark.parametrize(
    ("request_name", "answer"),
    [
        ("machine reads", [200, ""]),
        ("machine creates", [201, ""]),
        ("machine with another scope reads", [403, "permission_denied"]),
    ],
)
def test_scope_of_a_machine_client_decides(result: Any, request_name: str, answer: list[Any]) -> None:
    assert result["permissions"][request_name] == answer


def test_note_of_a_machine_client_has_no_author(result: Any) -> None:
    assert result["notes"] == [[True, "eve"], [False, None]]


@pytest.mark.parametrize(
    ("request_name", "answer"),
    [
        ("anonymous", [401, "not_authenticated"]),
        ("cut token", [401, "malformed_token"]),
        ("not JSON", [400, "parse_error"]),
        ("invalid", [400, ""]),
    ],
)
def test_error_response_has_the_code_of_the_page(result: Any, request_name: str, answer: list[Any]) -> None:
    assert result["errors"][request_name] == answer


def test_anonymous_response_has_the_login_url(result: Any) -> None:
    assert result["errors"]["login"] == "/auth/login/"


def test_first_class_decides_the_anonymous_response(result: Any) -> None:
    assert result["errors"]["challenge"] == "Bearer"
    assert result["session first"]["anonymous"] == [403, "not_authenticated"]


@pytest.mark.parametrize(
    ("request_name", "answer"),
    [
        ("reads", [200, ""]),
        ("creates", [201, ""]),
        ("creates without CSRF token", [403, "permission_denied"]),
    ],
)
def test_session_needs_a_csrf_token_to_write(result: Any, request_name: str, answer: list[Any]) -> None:
    assert result["sessions"][request_name] == answer


def test_token_beside_a_session_decides_in_any_order(result: Any) -> None:
    sessions = result["sessions"]
    assert (sessions["creates with a token beside the session"], sessions["author"]) == ([201, ""], "eve")
    assert sessions["viewer's token beside the session"] == [403, "permission_denied"]
    assert sessions["rejected token beside the session"] == [401, "malformed_token"]
    assert result["session first"]["token beside the session"] == [201, ""]


def test_browsable_api_signs_in_and_out_with_cognito(result: Any) -> None:
    assert result["pages"] == {"sign in": True, "sign out": True}


def test_forced_authentication_has_groups_and_no_scopes(result: Any) -> None:
    assert result["forced"] == [200, 403]


@pytest.mark.parametrize(
    ("callers", "statuses"), [("users", [200, 200, 429]), ("machine", [200, 200, 429]), ("rejected", [401] * 3)]
)
def test_throttle_counts_each_caller_of_an_allowed_request(result: Any, callers: str, statuses: list[int]) -> None:
    assert [status for status, _ in result["throttled"][callers]] == statuses
    assert {code for status, code in result["throttled"][callers] if status == 429} <= {"throttled"}
