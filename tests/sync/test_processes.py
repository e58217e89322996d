"""Real processes of `manage.py cognito_sync`: killed at random moments, two at once, and stopped by a signal."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection

from django_cognito.core.clock import utc_now
from django_cognito.models import CognitoMembership, CognitoSync, CognitoUser
from tests.support.sizes import choose_size
from tests.support.stub_directory import StubDirectory

from .conftest import GROUPS

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[2]
SIZE = 600
OPTIONS = ("--create", "--groups", "--json", "--requests-per-second=40")
EX_TEMPFAIL = 75


def start_sync(directory: StubDirectory, *options: str) -> "subprocess.Popen[str]":
    """Start the command in a process of its own."""
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.sync.sync_site",
        "SYNC_SITE_DATABASE": str(connection.settings_dict["NAME"]),
        "SYNC_SITE_COGNITO": json.dumps({"ENDPOINT_URL": directory.url, "GROUPS": GROUPS}),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "django", "cognito_sync", *OPTIONS, *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env={**os.environ, **variables}, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


def finish(process: "subprocess.Popen[str]") -> tuple[int, Any, str]:
    """Return the exit code, the counts and stderr."""
    output, errors = process.communicate(timeout=600)
    return process.returncode, json.loads(output) if output else None, errors


def wait_for_users(count: int) -> None:
    deadline = time.monotonic() + 300
    while CognitoUser.objects.count() < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def release_pool() -> None:
    """Let the minute pass after which a killed run no longer holds the pool."""
    CognitoSync.objects.update(held_until=utc_now() - timedelta(seconds=1))


def read_state() -> dict[str, Any]:
    """Return what a run writes, by username."""
    rights = {user.username: sorted(user.groups.values_list("name", flat=True)) for user in User.objects.all()}
    return {
        link.username: (link.user.email, link.user.first_name, link.user.is_staff, link.groups, rights[link.username])
        for link in CognitoUser.objects.select_related("user")
    }


def test_run_killed_at_random_moments_ends_in_the_same_state(create_pool) -> None:
    directory = create_pool(SIZE, {"editors": range(0, SIZE, 3), "admins": [1, 2]})
    for _ in range(choose_size(3, 20)):
        process = start_sync(directory)
        time.sleep(random.uniform(0.4, 1.6))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        release_pool()
        changed = random.sample(range(SIZE), 20)
        directory.changes |= {number: {"given_name": f"Changed{random.random()}"} for number in changed}
    code = EX_TEMPFAIL
    while code == EX_TEMPFAIL:  # the database may handle the last statement of a killed process late
        release_pool()
        code, report, errors = finish(start_sync(directory))
    assert (code, report["users"]) == (0, SIZE), errors
    state = read_state()
    assert len(state) == User.objects.count() == CognitoUser.objects.count() == SIZE
    for number in range(SIZE):
        email, name, is_staff, groups, django_groups = state[f"user{number}"]
        expected = ["editors"] * (number % 3 == 0) + ["admins"] * (number in (1, 2))
        assert (email, is_staff, groups) == (f"user{number}@example.com", number in (1, 2), expected)
        assert django_groups == ["Writers"] * (number % 3 == 0)
        assert name == directory.changes.get(number, {}).get("given_name", f"Name{number}")
    assert CognitoMembership.objects.count() == SIZE / 3 + 2
    assert Group.objects.filter(name="Writers").count() == 1


def test_second_process_is_refused_and_a_stopped_one_ends(create_pool) -> None:
    directory = create_pool(SIZE)
    may_go_on = threading.Event()

    def wait_after_three_pages(operation: str, parameters: Any) -> None:
        if operation == "ListUsers" and parameters.get("PaginationToken", "0 ").startswith("180"):
            may_go_on.wait(300)

    directory.before = wait_after_three_pages
    first = start_sync(directory)
    wait_for_users(60)
    code, report, errors = finish(start_sync(directory))
    assert (code, report["users"]) == (EX_TEMPFAIL, 0)
    assert "sync_running" in errors
    first.send_signal(signal.SIGTERM)
    may_go_on.set()
    code, report, errors = finish(first)
    assert (code, 0 < report["users"] < SIZE, "sync_stopped" in errors) == (3, True, True), errors
    assert CognitoUser.objects.count() == report["users"]
    assert finish(start_sync(directory))[0] == 0
    assert CognitoUser.objects.count() == SIZE
