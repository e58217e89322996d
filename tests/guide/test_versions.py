"""docs/versions.md: the versions of the page are those of pyproject.toml and tox.ini."""

import re
import tomllib

import pytest

from tests.support.guide import GUIDE
from tests.support.source import PROJECT_DIRECTORY

PAGE = (GUIDE / "versions.md").read_text()
PROJECT = tomllib.loads((PROJECT_DIRECTORY / "pyproject.toml").read_text())["project"]
TOX = (PROJECT_DIRECTORY / "tox.ini").read_text()
DATABASES = {"": "PostgreSQL", "mariadb": "MariaDB", "sqlite": "SQLite"}


@pytest.mark.parametrize(
    ("name", "classifier"), [("Python", r"Programming Language :: Python :: "), ("Django", r"Framework :: Django :: ")]
)
def test_supported_versions_are_those_of_the_classifiers(name: str, classifier: str) -> None:
    versions = [match[1] for line in PROJECT["classifiers"] if (match := re.fullmatch(rf"{classifier}(\d\.\d+)", line))]
    assert f"| {name} | {', '.join(versions)} |" in PAGE


@pytest.mark.parametrize(
    ("name", "package", "sentence"),
    [
        ("Django", "django", "Of Django 5.2 the first supported release is {}:"),
        ("Django REST framework", "djangorestframework", "| Django REST framework | {} and newer |"),
        ("boto3", "boto3", "| boto3 | {} and newer |"),
    ],
)
def test_lower_bound_of_the_page_is_that_of_the_project(name: str, package: str, sentence: str) -> None:
    extras = PROJECT["optional-dependencies"]
    bounds = dict(line.split(">=") for line in [*PROJECT["dependencies"], *extras["drf"], *extras["aws"]])
    assert sentence.format(bounds[package]) in PAGE, name


def test_combinations_of_the_page_are_those_of_tox() -> None:
    rows = set(re.findall(r"^\| ([\d.]+) \| ([\d.]+) \| (\w+) \| `(\S+)` \|", PAGE, re.M))
    env_list = re.search(r"^env_list = (.*)$", TOX, re.M)
    assert env_list is not None
    combinations = re.findall(r"(py3(\d+)-django(\d)(\d)-?(\w*))", env_list[1])
    expected = {(f"3.{minor}", f"{a}.{b}", DATABASES[database], env) for env, minor, a, b, database in combinations}
    assert rows == expected
