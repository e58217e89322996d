"""docs/login-defences.md held against the tests that it names, and against the table of OpenID's modules."""

import os
import re
import subprocess
import sys

import pytest

from tests.support import source
from tests.support.plugin import pytest_itemcollected

from .modules import rows

PAGE = (source.PROJECT_DIRECTORY / "docs" / "login-defences.md").read_text()
ATTACKS = [f"RP-{number:02}" for number in range(1, 26)]
# Prints each attack beside each test that is marked with it, as pytest collects them.
COLLECT = """
import sys, pytest
class Collected:
    def pytest_collection_finish(self, session):
        for item in session.items:
            for mark in item.iter_markers("defends"):
                for attack in mark.args:
                    print("MARKED", attack, item.nodeid.partition("[")[0])
sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]], plugins=[Collected()]))
"""


def marked() -> set[tuple[str, str]]:
    """Each attack with each collected test that is marked with it."""
    tests = source.PROJECT_DIRECTORY / "tests"
    files = [str(path) for path in sorted(tests.rglob("test_*.py")) if "mark.defends(" in path.read_text()]
    command = [sys.executable, "-c", COLLECT, *files]
    environment = {**os.environ, "DJANGO_COGNITO_TEST_DATABASE": "sqlite"}
    done = subprocess.run(
        command, cwd=source.PROJECT_DIRECTORY, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    return {(attack, test) for attack, test in re.findall(r"^MARKED (\S+) (\S+)$", done.stdout, re.M)}


def named() -> list[tuple[str, str]]:
    """Each attack with each test that the page names under it."""
    sections = re.findall(r"^### (RP-\d\d)\b.*?\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S)
    return [(attack, test) for attack, text in sections for test in re.findall(r"^- `(tests/\S+)`$", text, re.M)]


def test_the_page_names_the_tests_that_are_collected_and_no_others() -> None:
    assert len(named()) == len(set(named()))
    assert set(named()) == marked()


def test_every_attack_has_a_section_and_a_test() -> None:
    assert re.findall(r"^### (RP-\d\d)", PAGE, re.M) == ATTACKS
    assert sorted({attack for attack, _ in named()}) == ATTACKS


def test_the_page_shows_every_module_with_its_outcome() -> None:
    shown = re.search(r"^\| module \| the login \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE, re.M)
    assert shown is not None
    assert shown[1].splitlines() == list(rows())


def test_an_attacks_tests_are_found_by_its_name(request: pytest.FixtureRequest) -> None:
    request.node.add_marker(pytest.mark.defends("RP-99"))
    pytest_itemcollected(request.node)
    assert "RP-99" in request.node.extra_keyword_matches
