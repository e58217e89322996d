"""docs/docker-and-ci.md: the Compose file fits together, and the commands of the workflow succeed."""

import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from local_cognito.command import _build_parser
from local_cognito.urls import normalize_public_url

from tests.support.guide import GUIDE
from tests.support.new_project import NewProject

PAGE = (GUIDE / "docker-and-ci.md").read_text()
COMPOSE, WORKFLOW = map(yaml.safe_load, re.findall(r"^```yml\n(.*?)^```", PAGE, re.M | re.S))
SERVICES: dict[str, Any] = COMPOSE["services"]
SCRIPT = """
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings
from django_cognito.conf.loading import get_settings

call_command("check", fail_level="WARNING")
user_pool = get_settings().user_pool
result = {"urls": [user_pool.domain, *user_pool.issuers, user_pool.endpoint_url]}
with override_settings(DEBUG=False):
    try:
        call_command("check")
    except SystemCheckError as error:
        result["check without DEBUG"] = str(error)
"""


@pytest.fixture(scope="module")
def project(follow: Callable[[str], NewProject]) -> NewProject:
    project = follow("docker-and-ci")
    (configuration,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.M | re.S)
    (project.folder / "pyproject.toml").write_text(configuration)
    return project


@pytest.fixture(scope="module")
def result(project: NewProject) -> Any:
    """Return the result of the script with the environment variables of the Compose file."""
    return NewProject(project.folder, project.environment | SERVICES["site"]["environment"]).run_script(SCRIPT)


def test_compose_command_has_valid_options_and_the_alias() -> None:
    cognito = SERVICES["cognito"]
    script = shlex.split(cognito["command"])[2]
    options = _build_parser().parse_args(shlex.split(script.partition("exec local-cognito ")[2]))
    alias = cognito["networks"]["default"]["aliases"][0]
    assert (options.host, options.allow_remote) == ("0.0.0.0", True)
    assert normalize_public_url(options.public_url) == f"http://{alias}:{options.port}"
    assert set(SERVICES["site"]["environment"].values()) == {options.public_url}


@pytest.mark.parametrize("name", ["cognito", "site"])
def test_compose_ports_are_published_on_loopback_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name]["ports"])


def test_volumes_of_the_compose_file_are_declared() -> None:
    assert {volume.partition(":")[0] for volume in SERVICES["cognito"]["volumes"]} == COMPOSE["volumes"].keys()


def test_container_uses_the_alias_in_each_url(result: Any) -> None:
    url = "http://cognito.localhost:9229"
    assert result["urls"] == [url, f"{url}/eu-west-1_LocalPool", url]


def test_alias_of_the_container_is_an_error_without_debug(result: Any) -> None:
    assert "django_cognito.E006" in result["check without DEBUG"]


def test_commands_of_the_workflow_succeed(project: NewProject) -> None:
    commands = [shlex.split(step["run"]) for step in WORKFLOW["jobs"]["tests"]["steps"] if "run" in step]
    assert [command[0] for command in commands] == ["pip", "python", "python", "python"]
    *_, output = [project.run(*command[1:]) for command in commands[1:]]
    assert "2 passed" in output
