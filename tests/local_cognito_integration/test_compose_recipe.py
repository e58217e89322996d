"""The Docker Compose recipe of the guide: its command, its ports and its names fit together."""

import re
import shlex
from typing import Any

import pytest
import yaml
from local_cognito.command import _build_parser
from local_cognito.urls import normalize_public_url

from tests.support import source


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    text = (source.PROJECT_DIRECTORY / "docs" / "local-cognito.md").read_text()
    (recipe,) = re.findall(r"^```yml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    recipe_services: dict[str, Any] = yaml.safe_load(recipe)["services"]
    return recipe_services


def test_compose_command_has_valid_options_and_the_alias(services: dict[str, Any]) -> None:
    cognito = services["cognito"]
    script = shlex.split(cognito["command"])[2]
    options = _build_parser().parse_args(shlex.split(script.partition("exec local-cognito ")[2]))
    alias = cognito["networks"]["default"]["aliases"][0]
    assert (options.host, options.allow_remote) == ("0.0.0.0", True)
    assert normalize_public_url(options.public_url) == f"http://{alias}:{options.port}"
    assert services["site"]["environment"]["AWS_ENDPOINT_URL"] == options.public_url


@pytest.mark.parametrize("name", ["cognito", "site"])
def test_compose_ports_are_published_on_loopback_only(services: dict[str, Any], name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"])
