"""docs/login-defences.md lists the tests that exist and the table of OpenID's modules."""

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
# Print each attack with each test that is marked with it, as pytest collects them.
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


def find_marked_tests() -> set[tuple[str, str]]:
    """Return each attack with each collected test that is marked with it."""
    tests = source.PROJECT_DIRECTORY / "tests"
    files = [str(path) for path in sorted(tests.rglob("test_*.py")) if "mark.defends(" in path.read_text()]
    command = [sys.executable, "-c", COLLECT, *files]
    environment = {**os.environ, "DJANGO_COGNITO_TEST_DATABASE": "sqlite"}
    process = subprocess.run(
        command, cwd=source.PROJECT_DIRECTORY, env=environment, capture_output=True, text=True, timeout=120
    )
    assert process.returncode == 0, process.stdout[-2_000:] + process.stderr[-2_000:]
    return {(attack, test) for attack, test in re.findall(r"^MARKED (\S+) (\S+)$", process.stdout, re.M)}


def find_documented_tests() -> list[tuple[str, str]]:
    """Return each attack with each test that the page lists under it."""
    sections = re.findall(r"^### (RP-\d\d)\b.*?\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S)
    return [(attack, test) for attack, text in sections for test in re.findall(r"^- `(tests/\S+)`$", text, re.M)]


def test_login_defences_page_lists_exactly_the_marked_tests() -> None:
    assert len(find_documented_tests()) == len(set(find_documented_tests()))
    assert set(find_documented_tests()) == find_marked_tests()


def test_every_attack_has_a_section_with_a_test() -> None:
    assert re.findall(r"^### (RP-\d\d)", PAGE, re.M) == ATTACKS
    assert sorted({attack for attack, _ in find_documented_tests()}) == ATTACKS


def test_login_defences_page_shows_every_module_with_its_outcome() -> None:
    table = re.search(r"^\| module \| the login \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE, re.M)
    assert table is not None
    assert table[1].splitlines() == list(rows())


def test_attack_number_selects_its_tests(request: pytest.FixtureRequest) -> None:
    request.node.add_marker(pytest.mark.defends("RP-99"))
    pytest_itemcollected(request.node)
    assert "RP-99" in request.node.extra_keyword_matches
