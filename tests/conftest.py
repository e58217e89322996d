"""What every test shares: the policy for real parts that are missing."""

import pytest
from django.conf import settings

from . import real_parts


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known: `--strict-markers` refuses the others."""
    config.addinivalue_line("markers", f"needs(part, ...): real parts the test runs against: {real_parts.names()}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose real part is missing, by name; under CI=true fail it."""
    missing = [part for mark in item.iter_markers("needs") for part in mark.args if _is_missing(part)]
    if missing:
        refuse = pytest.fail if real_parts.under_ci() else pytest.skip
        refuse(f"needs {' and '.join(missing)}, which this machine lacks")


def _is_missing(part: str) -> bool:
    if part == "postgresql":  # it may be there, and the run be told to use SQLite
        return "postgresql" not in settings.DATABASES["default"]["ENGINE"]
    return real_parts.is_missing(part)
