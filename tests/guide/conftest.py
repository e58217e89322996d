"""A new project for each page."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.new_project import NewProject


@pytest.fixture(scope="session")
def empty_project(tmp_path_factory: pytest.TempPathFactory) -> NewProject:
    """Return a project of `startproject`; copy it."""
    return NewProject.create(tmp_path_factory.mktemp("empty-project"))


@pytest.fixture(scope="session")
def first_project(empty_project: NewProject, tmp_path_factory: pytest.TempPathFactory) -> NewProject:
    """Return the project of the getting-started page; copy it."""
    return empty_project.copy(tmp_path_factory.mktemp("first-project")).get_started()


@pytest.fixture(scope="module")
def follow(first_project: NewProject, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], NewProject]:
    """Return a function that returns a new project after one page: `follow("django-rest-framework")`."""

    def follow_page(page: str) -> NewProject:
        folder: Path = tmp_path_factory.mktemp(page)
        return first_project.copy(folder).follow(page)

    return follow_page
