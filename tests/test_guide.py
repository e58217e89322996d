"""The guide's pages match AWS's commands, the seed format, policies, images and the CI."""

import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
import yaml
from botocore import xform_name
from django.contrib.auth.models import User
from local_cognito.seeds import account_reading, identity_provider_reading, reading
from local_cognito.seeds.values import Table
from local_cognito_support.scripted_server import ScriptedServer, json_answer

from django_cognito.core.client_secret import ClientSecret
from django_cognito.models import CognitoLogin
from django_cognito.testing import make_token
from django_cognito.users.authentication import authenticate

from .support import source

GUIDE = source.PROJECT_DIRECTORY / "docs"
PAGES = sorted(GUIDE.glob("*.md"))
SUB = "5e0a1b52-6f0c-4c1e-9a58-0d7c5a1e0001"
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


def _blocks(language: str) -> list[Any]:
    return [
        pytest.param(block, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, block in enumerate(re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S), 1)
    ]


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


@pytest.mark.parametrize("block", _blocks("sh"))
def test_shell_block_is_quoted_correctly(block: str) -> None:
    without_documents = re.sub(r"<<END\n.*?^END$", "", block, flags=re.M | re.S)
    assert shlex.split(without_documents, comments=True)


@pytest.mark.parametrize("block", _blocks("json"))
def test_json_block_is_a_valid_iam_policy(block: str) -> None:
    policy = json.loads(block)
    assert policy["Version"] == "2012-10-17"
    assert all({"Effect", "Action", "Resource"} <= statement.keys() for statement in policy["Statement"])


@pytest.mark.parametrize("block", _blocks("yaml"))
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


@pytest.mark.django_db
def test_user_allowed_manually_is_authenticated_by_a_token(settings: Any, cognito_keys: None) -> None:
    settings.COGNITO = {**settings.COGNITO, "USER_POOL_ID": "eu-west-1_AbCdEfGhI", "CREATE_USERS": False}
    user = User.objects.create(username="local")
    _function("groups", "allow_user")("local", SUB)
    assert authenticate(make_token(username="alice", sub=SUB))[0] == user


@pytest.mark.django_db
def test_user_linked_by_the_upgrade_guide_keeps_the_account(settings: Any, cognito_keys: None) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"editors": {"staff": True}}}
    user = User.objects.create(username="theirs", last_name=SUB)
    User.objects.create(username="not at Cognito")
    for _ in range(2):  # a second run of the migration changes nothing
        _function("upgrading", "link_all_users")(settings.COGNITO["USER_POOL_ID"], "last_name")
    authenticated, _ = authenticate(make_token(username="alice", sub=SUB, groups=["editors"]))
    assert (authenticated, authenticated.username, authenticated.is_staff) == (user, "theirs", True)


@pytest.mark.django_db
def test_clear_logins_of_the_guide_deletes_expired_logins_only(client: Any, cognito_sign_in: Any) -> None:
    cognito_sign_in("alice")
    clear = _function("deployment", "clear_logins")
    clear()
    assert CognitoLogin.objects.count() == 1
    CognitoLogin.objects.update(expires_at=datetime(2000, 1, 1, tzinfo=UTC))
    clear()
    assert CognitoLogin.objects.count() == 0


def _function(page: str, name: str) -> Any:
    """Return a function of a code block of a page."""
    namespace: dict[str, Any] = {}
    block = next(
        parameter.values[0]
        for parameter in _blocks("python")
        if f"def {name}(" in parameter.values[0] and page in parameter.id
    )
    exec(compile(block, page, "exec"), namespace)
    return namespace[name]


@pytest.mark.parametrize("picture", sorted((GUIDE / "images").glob("*.svg")), ids=lambda path: path.name)
def test_svg_loads_nothing_and_has_description_and_dark_mode(picture: Any) -> None:
    text = picture.read_text()
    urls = re.findall(r"(?:href|src|url)\W+(https?:[^\"')]+)", text.replace("http://www.w3.org/2000/svg", ""))
    assert urls == []
    assert "<script" not in text
    assert "<desc" in text
    assert "prefers-color-scheme: dark" in text


def test_images_are_small() -> None:
    large_files = [path.name for path in (GUIDE / "images").iterdir() if path.stat().st_size > 200_000]
    assert large_files == []


def test_every_page_is_linked_from_the_index() -> None:
    index = (GUIDE / "index.md").read_text()
    assert [page.stem for page in PAGES if page.stem != "index" and f"\n{page.stem}\n" not in index] == []


def test_client_secret_is_read_from_secrets_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    read, arn = _function("real-pool", "read_client_secret"), "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a"
    value = {"userPoolId": "eu-west-1_A1", "userPoolClientId": "1web", "clientSecretValue": "the-current-secret"}
    with ScriptedServer(json_answer({"ARN": arn, "SecretString": json.dumps(value)})) as server:
        for name, text in {
            "COGNITO_CLIENT_SECRET_ARN": arn,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": server.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }.items():
            monkeypatch.setenv(name, text)
        assert ClientSecret(read).read() == "the-current-secret"
    (request,) = server.requests
    assert request.headers["x-amz-target"] == "secretsmanager.GetSecretValue"
    assert json.loads(request.body) == {"SecretId": arn}


def test_documented_policy_allows_reading_the_client_secret() -> None:
    (policy,) = [block for block in _blocks("json") if "secretsmanager" in block.values[0]]
    (statement,) = json.loads(policy.values[0])["Statement"]
    assert statement["Action"] == "secretsmanager:GetSecretValue"
