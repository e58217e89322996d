"""`manage.py cognito_sync`: options, counts, progress and exit codes."""

import json
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper

from django_cognito.core.errors import CognitoUnavailableError
from django_cognito.management.commands import cognito_sync
from django_cognito.sync.errors import SyncError
from tests.support.cases import cases
from tests.support.stub_directory import StubDirectory

pytestmark = pytest.mark.django_db


@pytest.fixture
def directory(cognito: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Iterator[StubDirectory]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "for-the-tests-alone")
    with StubDirectory(65, {"editors": [0]}) as directory:
        cognito(ENDPOINT_URL=directory.url, GROUPS={"editors": {"staff": True}})
        yield directory


def run(*options: str) -> tuple[str, str]:
    """Return what the command prints on stdout and stderr."""
    output, errors = StringIO(), StringIO()
    call_command("cognito_sync", "--requests-per-second=1000", *options, stdout=output, stderr=errors)
    return output.getvalue().strip(), errors.getvalue()


def test_users_are_brought_in_and_counted(directory: StubDirectory) -> None:
    assert run("--create", "--groups") == ("Changed 65 of 65 users; 5 requests.", "")
    assert list(User.objects.filter(is_staff=True).values_list("username", flat=True)) == ["user0"]
    assert run("--dry-run", "--deactivate-missing") == (
        "Would change 0 of 65 users; 3 requests; 0 missing, 0 deleted in Cognito.",
        "",
    )


def test_counts_are_printed_as_json(directory: StubDirectory) -> None:
    output, _ = run("--create", "--json")
    report = json.loads(output)
    assert {name: report[name] for name in ("users", "changed", "requests", "throttled", "dry_run")} == {
        "users": 65,
        "changed": 65,
        "requests": 3,
        "throttled": 0,
        "dry_run": False,
    }


def test_summary_names_what_was_unusual(directory: StubDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    report = cognito_sync.SyncReport(users=2, disabled=1, throttled=3)
    monkeypatch.setattr(cognito_sync, "sync_pool", lambda *_, **__: report)
    assert run()[0] == "Changed 0 of 2 users; 0 requests; 1 disabled or enabled; throttled 3 times."


def test_exit_code_tells_why_a_run_ended(directory: StubDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = {
        75: SyncError("x", code="sync_running"),
        3: SyncError("x", code="sync_stopped"),
        2: SyncError("x", code="sync_refused"),
        1: CognitoUnavailableError("x"),
    }
    with cases() as case:
        for code, error in errors.items():

            def fail(*_: Any, error: Exception = error, **__: Any) -> None:
                raise error

            monkeypatch.setattr(cognito_sync, "sync_pool", fail)
            with case(str(code)), pytest.raises(CommandError) as raised:
                run()
            assert raised.value.returncode == code
            assert getattr(error, "code", "") in str(raised.value)


def test_wrong_options_are_refused(directory: StubDirectory) -> None:
    with cases() as case:
        for options, message in {
            ("--pool", "other"): "no alias 'other'",
            ("--requests-per-second", "0"): "invalid",
            ("--max-missing", "-1"): "invalid",
        }.items():
            with case(options), pytest.raises(CommandError, match=message):
                run(*options)
    assert not directory.requests


def test_progress_is_a_line_on_stderr(directory: StubDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cognito_sync, "_SECONDS_BETWEEN_LINES", -1)
    _, errors = run("--create")
    assert errors.splitlines() == ["users: 60 users, 60 changed, 1000.0/s", "users: 65 users, 65 changed, 1000.0/s"]


def test_progress_on_a_terminal_is_a_bar(
    directory: StubDirectory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(OutputWrapper, "isatty", lambda _: True)
    _, errors = run("--create")
    assert errors == ""
    assert "users: 65 users, 65 changed" in capsys.readouterr().err
