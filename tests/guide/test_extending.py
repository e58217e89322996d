"""docs/extending.md: the page's adapter and receivers in a new project. tests/test_extending.py has all its rows."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.guide import GUIDE
from tests.support.new_project import NewProject

BLOCKS = [
    block
    for block in re.findall(r"^```python\n(.*?)^```", (GUIDE / "extending.md").read_text(), re.M | re.S)
    if "COGNITO" not in block
]
APP = """
from django.apps import AppConfig

class SiteConfig(AppConfig):
    name = "mysite"

    def ready(self):
        from . import users
"""
SETTINGS = """
INSTALLED_APPS.append("mysite")
COGNITO["USER_ADAPTER"] = "mysite.users.{adapter}"
"""
SCRIPT = """
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import call_command

call_command("check", fail_level="WARNING")

def send(name, email, **claims):
    headers = bearer(username=name, **claims)
    headers["x-cognito-id-token"] = make_token(token_use="id", username=name, email=email, **claims)
    response = Client().get("/", headers=headers)
    return response.json()["code"] if response.status_code == 401 else response.status_code

with trusted_keys():
    result = {
        "employee": send("ada", "ada@example.com"),
        "stranger": send("eve", "eve@other.example"),
        "closed tenant": send("bob", "bob@example.com", **{"custom:tenant": "closed"}),
        "users": sorted(User.objects.values_list("username", flat=True)),
        "mail": [message.to for message in mail.outbox],
    }
"""


@pytest.fixture(scope="module")
def project(first_project: NewProject, tmp_path_factory: pytest.TempPathFactory) -> NewProject:
    project = first_project.copy(tmp_path_factory.mktemp("extending"))
    (project.folder / "mysite" / "users.py").write_text("\n".join(BLOCKS))
    (project.folder / "mysite" / "apps.py").write_text(APP)
    return project


def run_with(project: NewProject, adapter: str) -> Any:
    with (project.folder / "mysite" / "settings.py").open("a") as settings:
        settings.write(SETTINGS.format(adapter=adapter))
    return project.run_script(SCRIPT)


@pytest.mark.parametrize(
    ("adapter", "refused"),
    [
        ("InvitationAdapter", {"stranger": "site.not_invited", "closed tenant": 200}),
        ("ClosedTenantAdapter", {"stranger": 200, "closed tenant": "site.tenant_closed"}),
    ],
)
def test_adapter_and_receivers_of_the_page_work_in_a_new_project(
    project: NewProject, tmp_path: Path, adapter: str, refused: dict[str, Any]
) -> None:
    result = run_with(project.copy(tmp_path), adapter)
    created = {"stranger": "eve", "closed tenant": "bob"}
    names = ["ada", *(name for text, name in created.items() if refused[text] == 200)]
    assert {text: result[text] for text in refused} == refused
    assert result["employee"] == 200
    assert result["users"] == sorted(names)
    assert len(result["mail"]) == len(names)
