"""Many first requests at the same moment in two processes, under each user model: each user is created once.

Over HTTP: test_first_requests_over_http.py, with Django's own user model.
"""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.support import source
from tests.support.sizes import choose_size

# Django's own, the email address as the username, and the same with a UUID as the key: the test run has the last one.
MODELS = ("auth.User", "custom_users.EmailUser", "custom_users.UuidUser")
REQUESTS, USERS, THREADS = choose_size((40, 20, 5), (200, 50, 20))  # threads of each process


def run(model: str) -> Any:
    variables = {"DJANGO_SETTINGS_MODULE": "tests.users.first_requests_site", "USER_MODEL": model}
    command = [sys.executable, "-W", "error", "-m", "tests.users.first_requests"]
    process = subprocess.run(
        [*command, *map(str, (REQUESTS, USERS, THREADS))],
        cwd=source.PROJECT_DIRECTORY,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    print(model, process.stdout)  # shown by `tox run -e load`
    return json.loads(process.stdout)


@pytest.mark.parametrize("model", choose_size(MODELS[-1:], MODELS))
def test_parallel_first_requests_create_each_user_once(model: str) -> None:
    report = run(model)
    shown = [(result["statuses"], result["keys of a user"], result["users"]) for result in report["results"]]
    assert shown == [([200], 1, 1), ([200], 1, USERS)]
    users = USERS + 1
    groups = 0 if model.endswith("EmailUser") else 2
    name = model.partition(".")[2]
    assert report["rows"] == {name: users, "CognitoUser": users, "CognitoMembership": 2 * users, "Group": groups}
