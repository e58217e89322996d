"""The rules for every test: which tests are measured."""

import pytest
from coverage import Coverage


def test_tests_of_other_packages_are_not_traced_for_core(request: pytest.FixtureRequest) -> None:
    """`tox run -e py` measures `core`, in workers of pytest-xdist. Tracing doubles the time of a test."""
    if request.config.getoption("cov_source", None) == ["django_cognito.core"]:
        assert Coverage.current() is None
