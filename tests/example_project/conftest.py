"""Run Fieldnotes in a separate process with its own settings and a local Cognito; the tests use HTTP."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from demo import seed
from demo.ports import find_free_port
from demo.processes import Processes
from demo.stack import Stack
from django_cognito.testing import fixtures
from journey import hosted_ui
from journey.browser import Browser

from .manage_commands import run_manage

if TYPE_CHECKING:
    from local_cognito import Emulator

local_cognito = fixtures.local_cognito


@pytest.fixture(scope="session")
def site_port() -> int:
    """Return the port of the site. The seed needs it before the site starts."""
    return find_free_port(0)


@pytest.fixture(scope="session")
def cognito_seed(site_port: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the example's seed with the URL of the site."""
    file = tmp_path_factory.mktemp("seed") / "seed.yaml"
    file.write_text(seed.render_seed(f"http://localhost:{site_port}"))
    return file


@pytest.fixture(scope="session")
def stack(local_cognito: "Emulator", site_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Yield the running site with the sample notes. Tests share it, so each test checks its own notes only."""
    folder = tmp_path_factory.mktemp("fieldnotes")
    with Processes(folder) as processes:
        running_stack = Stack(folder, processes, local_cognito.port, site_port)
        environment = {**running_stack.build_environment(), "FIELDNOTES_SYNC_RATE": "5"}
        for command in ("migrate", "sample_notes"):
            assert run_manage(command, environment=environment).returncode == 0
        running_stack.start_server("site", site_port, environment)
        yield running_stack


@pytest.fixture
def without_datasets(stack: Stack) -> None:
    """Delete the drafts and reading positions of all users: those of another test would fill in the form of a note.

    A page that a test has closed does not send the deletion of its draft.
    """
    with closing(sqlite3.connect(stack.database, timeout=120)) as connection, connection:
        for table in ("operation", "record", "dataset"):
            connection.execute(f"DELETE FROM cognito_datasets_{table}")


@pytest.fixture
def sign_in(stack: Stack) -> Callable[[str], Browser]:
    """Return a function that signs a user in at the hosted UI and returns the browser."""

    def sign_in_with_new_browser(username: str) -> Browser:
        browser = Browser()
        page = browser.open(f"{stack.site}/auth/login/?next=/me/")
        hosted_ui.submit_password(browser, page, stack.pool.users[username])
        return browser

    return sign_in_with_new_browser
