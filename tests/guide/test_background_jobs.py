"""docs/background-jobs.md: rights of a user without a request."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.new_project import NewProject

SCRIPT = """
import time
from io import StringIO
from celery import Celery
from celery.contrib.testing.worker import start_worker
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from notes.jobs import send_report

now, reports = int(time.time()) - 60, []
for second, groups in enumerate((["editors"], [])):
    headers = bearer(username="eve", groups=groups, iat=now + second, exp=now + 3600)
    Client().get("/", headers=headers)
    reports.append(send_report(User.objects.get(username="eve").pk))

app = Celery(broker="memory://", backend="cache+memory://")
app.set_default()
from notes.tasks import send_report_task
Client().get("/", headers=bearer(username="bob", groups=["editors"]))
with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=120):
    report_of_worker = send_report_task.delay(User.objects.get(username="bob").pk).get(timeout=120)

output = StringIO()
call_command("whoami", make_token(username="ada"), stdout=output)
try:
    call_command("whoami", "not-a-token")
except CommandError as error:
    command = [output.getvalue().strip(), str(error)]
result = {"jobs": reports, "worker": report_of_worker, "command": command}
"""


@pytest.fixture(scope="module")
def result(follow: Callable[[str], NewProject]) -> Any:
    project = follow("background-jobs")
    (project.folder / "notes" / "management" / "__init__.py").touch()
    with (project.folder / "mysite" / "settings.py").open("a") as settings:
        settings.write('INSTALLED_APPS += ["notes"]\n')
    return project.run_script(SCRIPT)


def test_job_has_the_rights_of_the_most_recent_token(result: Any) -> None:
    assert result["jobs"] == ["report for eve", "no report for eve"]


def test_celery_worker_runs_the_task_of_the_page(result: Any) -> None:
    assert result["worker"] == "report for bob"


def test_command_verifies_a_token(result: Any) -> None:
    assert result["command"] == ["ada", "malformed_token"]
