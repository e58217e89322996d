"""Load the plugins of the tests; nothing is imported from here."""

import pytest

# Modules with assertions: pytest also explains these if they fail.
_WITH_ASSERTIONS = ("entry_point_views", "fixtures", "scenarios.login", "scenarios.user_pool")
pytest.register_assert_rewrite(
    *(f"tests.support.{name}" for name in _WITH_ASSERTIONS), "tests.openid.scenario", "local_cognito_support"
)
pytest_plugins = ["tests.support.plugin", "tests.support.fixtures", "django_cognito.testing.fixtures"]
