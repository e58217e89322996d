"""Fieldnotes as people meet it: its own settings in a process of its own, with a local Cognito, over HTTP."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.source import EXAMPLE

sys.path.insert(0, str(EXAMPLE))

from demo import seed
from demo.ports import free_port
from demo.processes import Processes
from demo.stack import Stack
from django_cognito.testing import fixtures
from journey import hosted_ui
from journey.browser import Browser

if TYPE_CHECKING:
    from local_cognito import Emulator

local_cognito = fixtures.local_cognito


@pytest.fixture(scope="session")
def site_port() -> int:
    """Where the site will be: the seed must know it before the site starts."""
    return free_port(0)


@pytest.fixture(scope="session")
def cognito_seed(site_port: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's own seed, with the site's address in it."""
    file = tmp_path_factory.mktemp("seed") / "seed.yaml"
    file.write_text(seed.text_for(f"http://localhost:{site_port}"))
    return file


@pytest.fixture(scope="session")
def stack(local_cognito: "Emulator", site_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The running site, with the sample notes in it. Tests share it: each looks for what it wrote itself."""
    folder = tmp_path_factory.mktemp("fieldnotes")
    with Processes(folder) as processes:
        running = Stack(folder, processes, local_cognito.port, site_port)
        running.start_site(running.environment())
        yield running


@pytest.fixture
def signed_in(stack: Stack) -> Callable[[str], Browser]:
    """`signed_in("alice")` is a browser in which she has signed in at the hosted UI."""

    def sign_in(username: str) -> Browser:
        browser = Browser()
        page = browser.open(f"{stack.site}/auth/login/?next=/me/")
        hosted_ui.give_password(browser, page, stack.pool.people[username])
        return browser

    return sign_in
