"""docs/testing.md: the tests with a local Cognito pass in a new project."""

from collections.abc import Callable

from tests.support.new_project import NewProject


def test_sign_in_page_of_the_seed_redirects_to_the_test_server(follow: Callable[[str], NewProject]) -> None:
    project = follow("testing")
    conftest = project.folder / "tests" / "conftest.py"
    conftest.write_text(f'pytest_plugins = ["django_cognito.testing.fixtures"]\n{conftest.read_text()}')
    output = project.run("-m", "pytest", "-p", "no:cacheprovider", "--ds=mysite.settings", "tests")
    assert "1 passed" in output
