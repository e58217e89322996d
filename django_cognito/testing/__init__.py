"""For the tests of sites that use this package: tokens without a Cognito, people signed in, and a local Cognito.

pytest finds the fixtures with `pytest_plugins = ["django_cognito.testing.fixtures"]`; unittest uses the functions.
"""

from .keys import trusted_keys
from .login import sign_in
from .tokens import make_token

__all__ = ["make_token", "sign_in", "trusted_keys"]
