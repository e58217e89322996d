"""README.md: its settings and URLs in a project of `startproject`."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.new_project import NewProject

SCRIPT = """
from django.core.management import call_command
from django.contrib.auth.models import User
call_command("check")
call_command("migrate", verbosity=0)
client = Client()
sign_in(client, "alice", groups=["editors"])
may = User.objects.get(username="alice").has_perm("auth.change_group")
result = {"rights": may, "login": Client().get("/auth/login/")["Location"].partition("?")[0]}
"""


@pytest.fixture(scope="module")
def result(empty_project: NewProject, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("readme")
    return empty_project.copy(folder).follow("README").run_script(SCRIPT)


def test_readme_grants_the_rights_of_a_group(result: Any) -> None:
    assert result["rights"] is True


def test_readme_login_redirects_to_the_hosted_ui(result: Any) -> None:
    assert result["login"] == "https://login.example.com/oauth2/authorize"
