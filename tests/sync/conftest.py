"""Fixtures: a pool of generated users over HTTP, whose URL the settings name."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from tests.support.stub_directory import StubDirectory

CreatePool: TypeAlias = Callable[..., StubDirectory]
GROUPS = {"editors": {"groups": ["Writers"]}, "admins": {"staff": True}}


@pytest.fixture
def create_pool(cognito: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Iterator[CreatePool]:
    """Return a function that starts a pool: `create_pool(130, {"editors": [0, 1]})`."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "for-the-tests-alone")
    directories = []

    def create(size: int, groups: Any = None) -> StubDirectory:
        directory = StubDirectory(size, groups)
        directory.__enter__()
        directories.append(directory)
        cognito(ENDPOINT_URL=directory.url, GROUPS=GROUPS)
        return directory

    yield create
    for directory in directories:
        directory.__exit__(None, None, None)
