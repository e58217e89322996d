"""The guide's pages match AWS's commands, the seed format, policies, images and the CI."""

import json
import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from botocore import xform_name
from local_cognito.seeds import account_reading, identity_provider_reading, reading
from local_cognito.seeds.values import Table

from .support.guide import GUIDE, PAGES, read_blocks

CLI_OPTIONS = {"query", "output"}
# The guide shows these by example only: there are too many of them.
USER_ATTRIBUTES = set(reading._STANDARD_ATTRIBUTES)
TABLES = {
    "the seed": Table(required={"pools": str}, optional=account_reading.ACCOUNT),
    "a pool": reading._POOL,
    "a group": reading._GROUP,
    "a resource server": reading._RESOURCE_SERVER,
    "its password policy": reading._PASSWORD_POLICY,
    "a client": reading._CLIENT,
    "an identity provider": identity_provider_reading._PROVIDER,
    "a user": reading._USER,
    "an identity pool": account_reading._IDENTITY_POOL,
    "its roles": account_reading._ROLES,
    "its role mapping": account_reading._ROLE_MAPPING,
    "a rule": account_reading._RULE,
    "a role": account_reading._ROLE,
    "a table": account_reading._TABLE,
    "the admin": account_reading._ADMIN,
}
AWS = re.compile(r"(?<!\w)aws (cognito-idp|cognito-identity|iam) ([a-z-]+)")


def _commands() -> Iterator[Any]:
    """Yield every AWS CLI command of the guide with its options."""
    for page in PAGES:
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.M | re.S):
            for line in block.replace("\\\n", " ").splitlines():
                if match := AWS.search(line):
                    options = re.findall(r"(?<=\s)--([a-z][a-z-]*)", line)
                    yield pytest.param(match[1], match[2], options, id=f"{match[1]} {match[2]}")


@pytest.mark.parametrize(("service", "operation", "options"), list(_commands()))
def test_aws_cli_command_exists_with_its_options(service: str, operation: str, options: list[str]) -> None:
    model = botocore.session.get_session().get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(operations[operation]).input_shape
    member_names = {xform_name(name, "-") for name in shape.members}
    assert {option.removeprefix("no-") for option in options} - member_names <= CLI_OPTIONS
    required = {xform_name(name, "-") for name in shape.required_members}
    assert required <= {option.removeprefix("no-") for option in options}


@pytest.mark.parametrize("block", read_blocks("sh"))
def test_shell_block_is_quoted_correctly(block: str) -> None:
    without_documents = re.sub(r"<<END\n.*?^END$", "", block, flags=re.M | re.S)
    assert shlex.split(without_documents, comments=True)


@pytest.mark.parametrize("block", read_blocks("json"))
def test_json_block_is_a_valid_iam_policy(block: str) -> None:
    policy = json.loads(block)
    assert policy["Version"] == "2012-10-17"
    assert all({"Effect", "Action", "Resource"} <= statement.keys() for statement in policy["Statement"])


@pytest.mark.parametrize("block", read_blocks("yaml"))
def test_yaml_block_is_a_valid_seed(block: str) -> None:
    assert reading.read_seed(yaml.safe_load(block)).pools


@pytest.mark.parametrize("row", TABLES)
def test_documented_seed_keys_are_those_of_the_code(row: str) -> None:
    text = (GUIDE / "local-cognito.md").read_text()
    line = next(line for line in text.splitlines() if line.startswith(f"| {row} |"))
    required, optional = (set(re.findall(r"`(\w+)`", _without_values(cell))) for cell in line.split("|")[2:4])
    table = TABLES[row]
    assert required == set(table.required)
    assert optional == set(table.optional) - (USER_ATTRIBUTES if row == "a user" else set())


def _without_values(cell: str) -> str:
    return re.sub(r"\(.*?\)", "", cell)


@pytest.mark.parametrize("picture", sorted((GUIDE / "images").glob("*.svg")), ids=lambda path: path.name)
def test_svg_loads_nothing_and_has_description_and_dark_mode(picture: Any) -> None:
    text = picture.read_text()
    urls = re.findall(r"(?:href|src|url)\W+(https?:[^\"')]+)", text.replace("http://www.w3.org/2000/svg", ""))
    assert urls == []
    assert "<script" not in text
    assert "<desc" in text
    assert "prefers-color-scheme: dark" in text


def test_diagrams_are_drawn_from_their_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(GUIDE)
    diagrams = runpy.run_path(str(GUIDE / "diagrams.py"))["DIAGRAMS"]
    for name, diagram in diagrams.items():
        diagram.write(tmp_path / f"{name}.svg")
    images = {name: (GUIDE / "images" / f"{name}.svg").read_text() for name in diagrams}
    outdated = [name for name in diagrams if images[name] != (tmp_path / f"{name}.svg").read_text()]
    assert outdated == [], "run `python docs/diagrams.py`"


@pytest.mark.parametrize("page", ["own-sign-ins", "rotating-secrets", "sessions", "signing-out", "stepping-up"])
def test_page_about_sessions_has_a_diagram_and_its_limits(page: str) -> None:
    text = (GUIDE / f"{page}.md").read_text()
    assert re.search(r"^!\[.+\]\(images/[\w-]+\.svg\)$", text, re.M)
    assert re.search(r"^(## Limitations|Limitations:)\n\n- ", text, re.M)


def test_images_are_small() -> None:
    large_files = [path.name for path in (GUIDE / "images").iterdir() if path.stat().st_size > 200_000]
    assert large_files == []


def test_every_page_is_linked_from_the_index() -> None:
    index = (GUIDE / "index.md").read_text()
    assert [page.stem for page in PAGES if page.stem != "index" and f"\n{page.stem}\n" not in index] == []


def test_documented_policy_allows_reading_the_client_secret() -> None:
    (policy,) = [block for block in read_blocks("json") if "secretsmanager" in block.values[0]]
    actions = [statement["Action"] for statement in json.loads(policy.values[0])["Statement"]]
    assert actions == ["secretsmanager:GetSecretValue", "kms:Decrypt"]
