"""The rules for every test: which tests are measured, and how they run."""

from inspect import unwrap

import pytest
from coverage import Coverage


def test_tests_of_other_packages_are_not_traced_for_core(request: pytest.FixtureRequest) -> None:
    """`tox run -e py` measures `core`, in workers of pytest-xdist. Tracing doubles the time of a test."""
    if request.config.getoption("cov_source", None) == ["django_cognito.core"]:
        assert Coverage.current() is None


def test_function_of_a_running_test_can_be_read(request: pytest.FixtureRequest) -> None:
    """Otherwise the report of a failed Hypothesis test is an error of pytest, without the example."""
    assert unwrap(request.node.obj).__code__.co_name == request.node.name
