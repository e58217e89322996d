"""The lower bounds of the dependencies: what the tox env `lowest` installs, and what it must not."""

import os
import re
import tomllib
from importlib import metadata
from typing import Any

import pytest

from .support import source

PROJECTS: list[Any] = [
    tomllib.loads((source.PROJECT_DIRECTORY / folder / "pyproject.toml").read_text())["project"]
    for folder in (".", "packages/local-cognito")
]
CONSTRAINTS = dict(
    line.split("==")
    for line in (source.PROJECT_DIRECTORY / "tests" / "lowest.txt").read_text().splitlines()
    if not line.startswith("#")
)
# The first version without the vulnerability that the project's own changelog, or its advisory, names.
FIXED = {
    "PyJWT `crit` ignored, CVE-2026-32597": ("pyjwt", "2.12.0"),
    "PyJWT partial `iss`, CVE-2024-53861": ("pyjwt", "2.10.1"),
    "PyJWT key confusion, CVE-2022-29217": ("pyjwt", "2.4.0"),
    "PyJWT JWKS redirects, refetches and compact encoding, GHSA-hxm8-2xgr-2p9m and others": ("pyjwt", "2.14.0"),
    "PyJWT nested payloads": ("pyjwt", "2.15.0"),
    "Django, release of 5.2.19": ("django", "5.2.19"),
    "DRF, release of 3.17.2": ("djangorestframework", "3.17.2"),
    "cryptography, CVE-2026-69247": ("cryptography", "50.0.0"),
    "cryptography, CVE-2026-39892": ("cryptography", "46.0.7"),
    "requests, CVE-2024-47081": ("requests", "2.32.4"),
    "requests, CVE-2026-25645": ("requests", "2.33.0"),
    "urllib3, GHSA-2xpw-w6gg-jr37 and GHSA-gm62-xv2j-4w53": ("urllib3", "2.6.0"),
    "urllib3, GHSA-vxq7-64xx-v4gw and others": ("urllib3", "2.8.0"),
    "orjson, CVE-2025-67221": ("orjson", "3.11.6"),
    "Flask, GHSA-4grg-w6v8-c28g": ("flask", "3.1.1"),
    "Flask, GHSA-68rp-wp8r-4726": ("flask", "3.1.3"),
    "flask-cors, CVE-2024-6844": ("flask-cors", "6.0.0"),
    "PyYAML, CVE-2020-14343": ("pyyaml", "5.4"),
}


def _bounds() -> dict[str, str]:
    """Return the lower bound of each direct dependency of both distributions, including the extras."""
    own_names = tuple(project["name"] for project in PROJECTS)
    bounds: dict[str, str] = {}
    for project in PROJECTS:
        extras = (requirement for extra in project.get("optional-dependencies", {}).values() for requirement in extra)
        for requirement in (*project["dependencies"], *extras):
            if not requirement.startswith(own_names):
                match = re.fullmatch(r"([a-z0-9-]+)(?:\[[a-z0-9,]+\])?>=([0-9.]+)(?:,<[0-9.]+)?", requirement)
                assert match, f"no lower bound, or one that this test cannot read: {requirement}"
                assert bounds.setdefault(match[1], match[2]) == match[2], requirement
    return bounds


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(number) for number in version.split(".")]
    return (*numbers, *[0] * (4 - len(numbers)))


def test_constraints_of_lowest_are_the_declared_lower_bounds() -> None:
    assert _bounds() == CONSTRAINTS


@pytest.mark.parametrize(("name", "fixed"), FIXED.values(), ids=FIXED)
def test_lower_bound_excludes_a_known_vulnerability(name: str, fixed: str) -> None:
    assert _numbers(CONSTRAINTS[name]) >= _numbers(fixed)


def test_installed_versions_satisfy_the_lower_bounds() -> None:
    installed = {name: _numbers(metadata.version(name)) for name in _bounds()}
    bounds = {name: _numbers(bound) for name, bound in _bounds().items()}
    assert {name for name, bound in bounds.items() if installed[name] < bound} == set()
    if os.environ.get("PIP_CONSTRAINT", "").endswith("lowest.txt"):  # `tox run -e lowest`
        assert installed == bounds
