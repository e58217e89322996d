"""docs/testing.md: the test with a browser and a local Cognito passes in a new project, and its pitfalls exist."""

from collections.abc import Callable

import pytest
from local_cognito_support.chromium import CHROMIUM_ARGUMENTS

from tests.support.new_project import NewProject
from tests.support.real_parts import chromium_path
from tests.support.timeouts import HTTP_TIMEOUT_SECONDS

# Expectations on a busy computer.
PATIENCE = """
from playwright.sync_api import expect

expect.set_options(timeout=120_000)
"""
PITFALLS = """
import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import SynchronousOnlyOperation
from playwright.sync_api import sync_playwright


@pytest.fixture(scope="session")
def playwright_of_the_run():
    with sync_playwright() as playwright:
        yield playwright


def test_orm_is_refused_inside_the_block(live_server):
    with sync_playwright(), pytest.raises(SynchronousOnlyOperation):
        get_user_model().objects.count()
    assert get_user_model().objects.count() == 0  # test_sign_in.py has created a user


def test_tables_are_not_emptied_with_playwright_of_the_run(live_server, playwright_of_the_run):
    assert playwright_of_the_run
"""


@pytest.fixture(scope="module")
def project(follow: Callable[[str], NewProject]) -> NewProject:
    """Return the project with the tests of the page, which start the installed Chromium, and its pitfalls."""
    project = follow("testing")
    tests = project.folder / "tests"
    conftest, sample = tests / "conftest.py", tests / "test_sign_in.py"
    conftest.write_text(f'pytest_plugins = ["django_cognito.testing.fixtures"]\n{conftest.read_text()}{PATIENCE}')
    with (project.folder / "mysite" / "settings.py").open("a") as settings:
        settings.write(f'\nCOGNITO["HTTP_TIMEOUT_SECONDS"] = {HTTP_TIMEOUT_SECONDS}\n')
    start, _, end = sample.read_text().partition("chromium.launch()")
    options = f"executable_path={chromium_path()!r}, args={list(CHROMIUM_ARGUMENTS)!r}"
    sample.write_text(f"{start}chromium.launch({options}){end}")
    (tests / "test_z_pitfalls.py").write_text(PITFALLS)
    return project


def run_tests(project: NewProject, *arguments: str) -> str:
    """Run tests of the project in the order of the files; return the output. A failed test fails this one.

    Only the plugin for Django is loaded, to start quickly.
    """
    options = ["-p", "pytest_django.plugin", "-p", "no:cacheprovider", "--ds=mysite.settings"]
    project = NewProject(project.folder, {**project.environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    return project.run("-m", "pytest", *options, *arguments)


@pytest.mark.needs("chromium")
def test_browser_sign_in_of_the_page_reaches_the_site(project: NewProject) -> None:
    assert "2 passed" in run_tests(project, "tests", "-k", "alice or orm")


def test_playwright_of_the_whole_run_needs_the_variable(project: NewProject) -> None:
    arguments = ("tests/test_z_pitfalls.py", "-k", "tables")
    with pytest.raises(AssertionError, match="SynchronousOnlyOperation"):
        run_tests(project, *arguments)
    variables = {**project.environment, "DJANGO_ALLOW_ASYNC_UNSAFE": "true"}
    assert "1 passed" in run_tests(NewProject(project.folder, variables), *arguments)
