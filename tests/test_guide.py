"""The guide's pages held against what they speak of: AWS's own commands, seeds, policies, pictures, the CI."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import botocore.session
import pytest
import yaml
from botocore import xform_name

from django_cognito.emulator.seeds.reading import read_seed
from django_cognito.emulator.seeds.seed import SeedClient, SeedGroup, SeedPool, SeedUser

from . import source

GUIDE = source.PROJECT_DIRECTORY / "docs"
PAGES = sorted(GUIDE.glob("*.md"))
OF_THE_CLI = {"query", "output"}
AWS = re.compile(r"(?<!\w)aws (cognito-idp|cognito-identity|iam) ([a-z-]+)")


def _blocks(language: str) -> list[Any]:
    return [
        pytest.param(block, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, block in enumerate(re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S), 1)
    ]


def _commands() -> Iterator[Any]:
    """Every command of AWS's own command line, with its options."""
    for page in PAGES:
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.M | re.S):
            for line in block.replace("\\\n", " ").splitlines():
                if match := AWS.search(line):
                    options = re.findall(r"(?<=\s)--([a-z][a-z-]*)", line)
                    yield pytest.param(match[1], match[2], options, id=f"{match[1]} {match[2]}")


@pytest.mark.parametrize(("service", "operation", "options"), list(_commands()))
def test_a_command_of_the_aws_cli_exists_with_its_options(service: str, operation: str, options: list[str]) -> None:
    model = botocore.session.get_session().get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(operations[operation]).input_shape
    known = {xform_name(name, "-") for name in shape.members}
    assert {option.removeprefix("no-") for option in options} - known <= OF_THE_CLI
    required = {xform_name(name, "-") for name in shape.required_members}
    assert required <= {option.removeprefix("no-") for option in options}


@pytest.mark.parametrize("block", _blocks("sh"))
def test_a_shell_block_is_quoted_soundly(block: str) -> None:
    without_documents = re.sub(r"<<END\n.*?^END$", "", block, flags=re.M | re.S)
    assert shlex.split(without_documents, comments=True)


@pytest.mark.parametrize("block", _blocks("json"))
def test_a_policy_is_one_that_aws_could_read(block: str) -> None:
    policy = json.loads(block)
    assert policy["Version"] == "2012-10-17"
    assert all({"Effect", "Action", "Resource"} <= statement.keys() for statement in policy["Statement"])


@pytest.mark.parametrize("block", _blocks("yaml"))
def test_a_seed_of_the_guide_can_be_planted(block: str) -> None:
    assert read_seed(yaml.safe_load(block)).pools


@pytest.mark.parametrize(
    ("row", "shape"), [("a pool", SeedPool), ("a group", SeedGroup), ("a client", SeedClient), ("a user", SeedUser)]
)
def test_every_key_of_a_seed_is_documented_and_every_documented_one_exists(row: str, shape: type) -> None:
    text = (GUIDE / "local-cognito.md").read_text()
    line = next(line for line in text.splitlines() if line.startswith(f"| {row} |"))
    documented = re.sub(r"\(.*?\)", "", line)  # the standard attributes of a user are examples
    assert set(re.findall(r"`(\w+)`", documented)) == {item.name for item in fields(shape)}


@pytest.mark.parametrize("picture", sorted((GUIDE / "images").glob("*.svg")), ids=lambda path: path.name)
def test_a_drawing_loads_nothing_tells_its_story_and_knows_the_night(picture: Any) -> None:
    text = picture.read_text()
    addresses = re.findall(r"(?:href|src|url)\W+(https?:[^\"')]+)", text.replace("http://www.w3.org/2000/svg", ""))
    assert addresses == []
    assert "<script" not in text
    assert "<desc" in text
    assert "prefers-color-scheme: dark" in text


def test_pictures_are_small() -> None:
    heavy = [path.name for path in (GUIDE / "images").iterdir() if path.stat().st_size > 200_000]
    assert heavy == []


def test_every_page_is_reached_from_the_index() -> None:
    index = (GUIDE / "index.md").read_text()
    assert [page.stem for page in PAGES if page.stem != "index" and f"\n{page.stem}\n" not in index] == []
