"""Test the page that synchronizes the users of the pool: who may start a run, its result, and its end in each case."""

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from local_cognito_support.chromium import running_chromium
from playwright.sync_api import Route, expect

from demo.stack import Stack
from demo.users import read_groups
from journey import hosted_ui
from journey.browser import Browser

from .manage_commands import run_shell

if TYPE_CHECKING:
    from local_cognito import Emulator

SignIn = Callable[[str], Browser]
TIMEOUT_SECONDS = 300
# In a process of its own with the site's settings: `sync_pool` raises an error.
FAILED_RUNS = """
from unittest import mock
from django_cognito.core.errors import CognitoError, CognitoUnavailableError
from pool_sync import runs
from pool_sync.models import SyncRun

for error in (CognitoError("no", code="directory_refused"), CognitoUnavailableError("no"), ZeroDivisionError()):
    run = SyncRun.objects.create()
    with mock.patch.object(runs, "sync_pool", side_effect=error):
        try:
            runs.execute_run(run)
        except ZeroDivisionError:
            print("raised")
    print(SyncRun.objects.get(pk=run.pk).state)
    run.delete()
"""


def _execute(stack: Stack, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(stack.database, timeout=20)) as connection, connection:
        return connection.execute(sql).fetchall()


@contextmanager
def _lock_held_by_another_run(stack: Stack) -> Iterator[None]:
    """Hold the lock of `cognito_sync`, as a run in another process."""
    table, pool_id = "django_cognito_cognitosync", stack.pool.id
    _execute(stack, f"INSERT OR IGNORE INTO {table} (user_pool_id) VALUES ('{pool_id}')")
    _execute(stack, f"UPDATE {table} SET run_id = '{'1' * 32}', held_until = datetime('now', '1 hour')")
    try:
        yield
    finally:
        _execute(stack, f"UPDATE {table} SET run_id = NULL, held_until = NULL")


@contextmanager
def _unfinished_run(stack: Stack, *, minutes_ago: int, report: str = "{}") -> Iterator[None]:
    """Store a run without an outcome, which was updated some minutes ago."""
    moment = f"datetime('now', '-{minutes_ago} minutes')"
    columns = "(started_at, updated_at, outcome, report, created_users)"
    _execute(stack, f"INSERT INTO pool_sync_syncrun {columns} VALUES ({moment}, {moment}, '', '{report}', 0)")
    try:
        yield
    finally:
        _execute(stack, "DELETE FROM pool_sync_syncrun WHERE outcome = ''")


def _run(stack: Stack, browser: Browser) -> str:
    """Start a run, and return the text of the page after its end, from the most recent run on."""
    page = browser.open(f"{stack.site}/sync/")
    page = browser.submit(page, page.get_form(action="/sync/start/"))
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while 'data-state="running"' in page.html:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        page = browser.open(page.url)
    return page.text.partition("Most recent runs ")[2]


def _get_counts(text: str) -> tuple[int, ...]:
    """Return the counts of the most recent run."""
    pattern = r"Users (\d+) Created (\d+) Changed (\d+) Unchanged (\d+) Disabled or enabled (\d+)"
    counts = re.search(pattern, text)
    assert counts is not None, text
    return tuple(int(count) for count in counts.groups())


def test_run_creates_users_with_their_groups(stack: Stack, sign_in: SignIn) -> None:
    carol, before = sign_in("carol"), read_groups(stack)
    text = _run(stack, carol)
    assert text.startswith("Done ")
    groups = read_groups(stack)
    assert {name: groups[name] for name in ("jon", "kate")} == {
        "jon": ["station/mill/viewers", "viewers"],
        "kate": ["viewers"],
    }
    users, created, *_ = _get_counts(text)
    assert (users, created) == (len(stack.pool.users), len(groups) - len(before))
    assert _execute(stack, "SELECT username FROM django_cognito_cognitouser WHERE NOT enabled") == [("kate",)]
    users, created, changed, unchanged, disabled = _get_counts(_run(stack, carol))
    assert (created, changed, unchanged, disabled) == (0, 0, users, 0)


def test_run_is_refused_while_another_one_holds_the_lock(stack: Stack, sign_in: SignIn) -> None:
    carol, before = sign_in("carol"), read_groups(stack)
    with _lock_held_by_another_run(stack):
        assert _run(stack, carol).startswith("Refused: another run synchronizes this user pool.")
    assert read_groups(stack) == before
    assert _run(stack, carol).startswith("Done ")


@pytest.mark.parametrize("username", ["alice", "hugo"])
def test_users_without_the_permission_get_403(stack: Stack, sign_in: SignIn, username: str) -> None:
    browser = sign_in(username)
    page = browser.open(f"{stack.site}/stations/")
    form = page.get_form(action="/auth/logout/")
    form.action = "/sync/start/"
    runs = _execute(stack, "SELECT count(*) FROM pool_sync_syncrun")
    assert browser.submit(page, form).status == 403
    assert [browser.open(f"{stack.site}/sync/{path}").status for path in ("", "runs/", "start/")] == [403, 403, 403]
    assert _execute(stack, "SELECT count(*) FROM pool_sync_syncrun") == runs
    assert 'href="/sync/"' not in page.html


def test_anonymous_user_signs_in_first(stack: Stack) -> None:
    assert hosted_ui.is_sign_in_page(Browser().open(f"{stack.site}/sync/"))


def test_run_does_not_start_by_get(stack: Stack, sign_in: SignIn) -> None:
    assert sign_in("carol").open(f"{stack.site}/sync/start/").status == 405


def test_run_of_a_stopped_process_is_interrupted(stack: Stack, sign_in: SignIn) -> None:
    with _unfinished_run(stack, minutes_ago=4):
        page = sign_in("carol").open(f"{stack.site}/sync/")
    assert "Interrupted: its process was stopped." in page.text
    assert "Synchronize now</button>" in page.html
    assert "disabled" not in page.html


def test_running_run_shows_users_and_estimate(stack: Stack, sign_in: SignIn) -> None:
    report = {"phase": "users", "users": 60, "estimated_users": 200, "changed": 50, "disabled": 1, "requests": 9}
    with _unfinished_run(stack, minutes_ago=0, report=json.dumps(report)):
        page = sign_in("carol").open(f"{stack.site}/sync/")
    assert "Reading the users, 9 requests" in page.text
    assert 'max="200" value="60"' in page.html
    assert _get_counts(page.text) == (60, 0, 50, 10, 1)
    assert "disabled>Synchronize now" in page.html


def test_failed_run_has_the_reason(stack: Stack) -> None:
    assert run_shell(stack, FAILED_RUNS).split() == ["directory_refused", "cognito_unavailable", "raised", "failed"]


def test_aws_keys_of_the_site_give_no_access_to_files(stack: Stack) -> None:
    environment = stack.build_environment()
    keys = {name.lower(): environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    s3 = boto3.client("s3", endpoint_url=stack.cognito, region_name="eu-west-1", **keys)
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        s3.list_objects_v2(Bucket=stack.account.bucket)


@pytest.fixture
def held_run(local_cognito: "Emulator", monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Yield an event until which a run waits for its first users: it may end before a slow browser shows the page."""
    may_continue, begin_request = Event(), local_cognito.service.faults.begin_request

    def hold(operation: str) -> None:
        if operation == "ListUsers":
            may_continue.wait(TIMEOUT_SECONDS)
        begin_request(operation)

    monkeypatch.setattr(local_cognito.service.faults, "begin_request", hold)
    yield may_continue
    may_continue.set()


@pytest.mark.needs("chromium")
def test_progress_is_shown_without_a_reload_of_the_page(stack: Stack, held_run: Event) -> None:
    """Also with a Content-Security-Policy that allows no inline script and no inline style."""

    def add_policy(route: Route) -> None:
        response = route.fetch()
        policy = {"Content-Security-Policy": "default-src 'self'"}
        route.fulfill(response=response, headers={**response.headers, **policy})

    with running_chromium() as browser, browser.new_context() as context:
        page = context.new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.goto(f"{stack.site}/auth/login/?next=/sync/")
        page.get_by_label("Username").fill("carol")
        page.get_by_label("Password", exact=True).fill(stack.pool.users["carol"].password)
        page.keyboard.press("Enter")
        page.wait_for_url("**/sync/")
        button = page.get_by_role("button", name="Synchronize now")
        button.click()
        expect(page.get_by_role("progressbar", name="Progress")).to_be_visible()
        page.route("**/sync/", add_policy)
        answer = page.reload()
        assert answer is not None
        assert answer.headers["content-security-policy"] == "default-src 'self'"
        expect(page.get_by_role("progressbar", name="Progress")).to_be_visible()
        expect(button).to_be_disabled()
        page.evaluate("window.isSamePage = true")
        held_run.set()
        expect(page.get_by_role("status")).to_have_text("Done")
        expect(button).to_be_enabled()
        assert page.evaluate("window.isSamePage")
        assert problems == []
