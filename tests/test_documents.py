"""README and reference list exactly the settings, error codes and checks of the code."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from django_cognito.conf.schema import CognitoSettings
from django_cognito.conf.validation import find_problems
from django_cognito.web.error_catalogue import CATALOGUE

from .support import settings_table, source

README = source.PROJECT_DIRECTORY / "README.md"
REFERENCE = source.PROJECT_DIRECTORY / "docs" / "reference.md"
DOCUMENTS = sorted(
    path for pattern in ("*.md", "docs/**/*.md", "packages/*/*.md") for path in source.PROJECT_DIRECTORY.glob(pattern)
)
BLOCKS = [
    pytest.param(block, id=f"{path.name}-{number}")
    for path in DOCUMENTS
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", path.read_text(), re.M | re.S), 1)
    # Files of a new site, which test_getting_started.py and tests/guide create and run.
    if not block.startswith(("# mysite/", "# accounts/"))
]
REPOSITORY_LINK = re.compile(
    r"https://(?:github\.com/django-cognito/django-cognito/(?:blob|tree)/main"
    r"|raw\.githubusercontent\.com/django-cognito/django-cognito/main)/([^\s)\"'>\]]+)"
)
CHECK_ID = re.compile(r"(?:django_cognito\.)?([EW]\d{3})")
KEYED_BY_CODE = ("CATALOGUE",)
# The error codes of the local Cognito are AWS's.
PACKAGE_MODULES = [module for name, module in source.modules().items() if not name.startswith("local_cognito")]


def test_documented_settings_are_those_of_the_code() -> None:
    settings = {item.name.upper() for item in fields(CognitoSettings) if item.init} - {"ALIAS"} | {"POOLS"}
    assert _rows("Settings") == settings
    assert {key for row in _cells(README, "Settings") for key in row} == settings


def test_settings_table_is_rendered_from_the_declarations() -> None:
    page = REFERENCE.read_text()
    assert settings_table.replace_table(page) == page, "run `python -m tests.support.settings_table`"


def test_documented_error_codes_are_those_of_the_code() -> None:
    assert _rows("Error codes") == {code for module in PACKAGE_MODULES for code in _error_codes(module.tree)}


def test_every_raised_error_code_is_in_the_catalogue() -> None:
    catalogue = f"{source.PACKAGE}.web.error_catalogue"
    raised = {code for module in PACKAGE_MODULES if module.name != catalogue for code in _error_codes(module.tree)}
    assert raised <= CATALOGUE.keys()
    assert CATALOGUE.keys() == _rows("Error codes")


def test_documented_checks_are_those_of_the_code() -> None:
    constants = [node for module in PACKAGE_MODULES for node in module.nodes if isinstance(node, ast.Constant)]
    check_ids = {f"django_cognito.{match[1]}" for node in constants if (match := CHECK_ID.fullmatch(str(node.value)))}
    assert _rows("System checks") == check_ids


@pytest.mark.parametrize(
    ("source_code", "codes"),
    [
        ('class A(Exception):\n    code = "a"', {"a"}),
        ('raise A("m", code="a")', {"a"}),
        ('_A = "a"\nraise A("m", code=_A)', {"a"}),
        ('_KNOWN = frozenset({"a", "b"})\ndef f(x):\n    code = x if x in _KNOWN else None', {"a", "b"}),
        ('CATALOGUE: dict[str, str] = {"a": "..."}', {"a"}),
        ('ErrorResponse(401, "a", "...")', {"a"}),
        ('code = request.GET["code"]\nraise A("m", code=error.code)', set()),
    ],
)
def test_error_codes_are_read_from_every_kind_of_definition(source_code: str, codes: set[str]) -> None:
    assert set(_error_codes(ast.parse(source_code))) == codes


@pytest.mark.parametrize("block", BLOCKS)
def test_code_block_runs_and_its_settings_are_valid(block: str) -> None:
    namespace: dict[str, object] = {"__name__": "a_document"}
    exec(compile(block, "a document", "exec"), namespace)
    assert "COGNITO" not in namespace or find_problems(namespace["COGNITO"], debug=True) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_page_names_only_existing_checks_and_error_codes(document: Path) -> None:
    text = document.read_text()
    assert set(re.findall(r"`([EW]\d{3})`", text)) <= {name.rpartition(".")[2] for name in _rows("System checks")}
    assert set(re.findall(r"\bcodes? `([a-z_]+)`", text)) <= _rows("Error codes")


def test_tox_commands_of_the_documents_exist() -> None:
    tox = (source.PROJECT_DIRECTORY / "tox.ini").read_text()
    envs = {env for path in DOCUMENTS for env in re.findall(r"tox run -e ([\w-]+)", path.read_text())}
    assert {"py", "demo"} <= envs
    other_envs = {env for env in envs if not re.fullmatch(r"py(3\d\d(-django\d\d(-mariadb|-sqlite)?)?)?", env)}
    assert [env for env in other_envs if f"[testenv:{env}]" not in tox] == []


def test_ci_runs_the_test_command_of_the_readme_and_every_env() -> None:
    command = re.search(r"## Tests\n+```sh\npip install tox && tox run -e (\w+)\n```", README.read_text())
    envs = re.search(r"^env_list = (.*)$", (source.PROJECT_DIRECTORY / "tox.ini").read_text(), re.M)
    assert command is not None
    assert envs is not None
    wanted = {command[1], *envs[1].split(", ")}
    script = (source.PROJECT_DIRECTORY / ".ci" / "run").read_text()
    run = set(re.split(r"[\s,=\"]+", "\n".join(line for line in script.splitlines() if not line.startswith("#"))))
    assert {"py", "py312-django60-mariadb", "py313-django61-sqlite", "py314-django61"} <= wanted
    assert wanted <= run


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_between_documents_exist(document: Path) -> None:
    links = re.findall(r"\]\(([^):]+)\)", document.read_text())
    assert [link for link in links if not _is_target(link, document.parent, document)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_absolute_links_into_the_repository_exist(document: Path) -> None:
    links = REPOSITORY_LINK.findall(document.read_text())
    assert [link for link in links if not _is_target(link, source.PROJECT_DIRECTORY, document)] == []


def test_absolute_links_are_read_from_markdown_and_html() -> None:
    text = (
        "[a](https://github.com/django-cognito/django-cognito/blob/main/docs/a.md#b)."
        '<img src="https://raw.githubusercontent.com/django-cognito/django-cognito/main/c.svg">'
        "https://github.com/django-cognito/django-cognito/issues https://github.com/other/project/blob/main/d.md"
    )
    assert REPOSITORY_LINK.findall(text) == ["docs/a.md#b", "c.svg"]


def test_missing_file_or_anchor_is_no_link_target() -> None:
    assert _is_target("README.md#settings", source.PROJECT_DIRECTORY, README)
    assert not _is_target("README.md#no-such-heading", source.PROJECT_DIRECTORY, README)
    assert not _is_target("docs/no-such-page.md", source.PROJECT_DIRECTORY, README)


def _is_target(link: str, directory: Path, document: Path) -> bool:
    """Return whether the file and the heading of `link` exist; the path is relative to `directory`."""
    target, _, anchor = link.partition("#")
    path = directory / target if target else document
    if not path.exists():
        return False
    return not anchor or anchor in {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", path.read_text(), re.M)}


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _rows(heading: str) -> set[str]:
    """Return the names in the first column of a table of the reference."""
    return {row[0] for row in _cells(REFERENCE, heading)}


def _cells(path: Path, heading: str) -> list[list[str]]:
    """Return the texts in backticks of each row of the table under `heading`."""
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", path.read_text(), re.M | re.S)
    assert section is not None, f"{path.name} has no section {heading!r}"
    rows = [line for line in section[1].splitlines() if line.startswith("|") and "`" in line]
    assert rows, f"{path.name} has no table under {heading!r}"
    return [re.findall(r"`([^`]+)`", row) for row in rows]


def _error_codes(tree: ast.Module) -> Iterator[str]:
    """Yield the codes of classes (`code = "..."`), of instances (`code="..."`), and of responses and pages."""
    constants = {_target(node): node.value for node in tree.body if isinstance(node, ast.Assign)}
    for node in ast.walk(tree):
        for expression in _code_expressions(node):
            yield from _texts(expression, constants)


def _code_expressions(node: ast.AST) -> Iterator[ast.expr | None]:
    if isinstance(node, ast.Call):
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "code")
        if getattr(node.func, "id", "") == "ErrorResponse":
            yield from node.args[1:2]
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        if _target(node) == "code":
            yield node.value
        elif _target(node) in KEYED_BY_CODE and isinstance(node.value, ast.Dict):
            yield from node.value.keys


def _target(node: ast.Assign | ast.AnnAssign) -> str:
    """Return the name that is assigned; '' if it is an attribute, an item or several names."""
    return getattr(node.target if isinstance(node, ast.AnnAssign) else node.targets[0], "id", "")


def _texts(expression: ast.expr | None, constants: dict[str, ast.expr]) -> Iterator[str]:
    """Yield the strings that an expression can have, with the module's constants; computed strings are ignored."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        yield expression.value
    elif isinstance(expression, ast.Name) and expression.id in constants:
        # frozenset({...}) as well as a plain string
        yield from (
            node.value
            for node in ast.walk(constants[expression.id])
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
    elif isinstance(expression, ast.IfExp | ast.Compare | ast.BoolOp):
        for child in ast.iter_child_nodes(expression):
            if isinstance(child, ast.expr):
                yield from _texts(child, constants)
