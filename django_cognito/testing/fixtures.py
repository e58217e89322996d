"""The pytest fixtures, for the conftest.py at your tests' root.

`pytest_plugins = ["django_cognito.testing.fixtures"]`
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .keys import trusted_keys
from .login import sign_in

if TYPE_CHECKING:
    from local_cognito import Emulator


@pytest.fixture
def cognito_keys() -> Iterator[None]:
    """Accept the tokens of `make_token`, without fetching keys."""
    with trusted_keys():
        yield


@pytest.fixture
def cognito_sign_in(cognito_keys: None, client: Any, db: None) -> Callable[..., Any]:
    """Return a function: `cognito_sign_in("alice", groups=["editors"])` signs the fixture `client` in.

    It returns the Django user.
    """
    return lambda *args, **kwargs: sign_in(client, *args, **kwargs)


@pytest.fixture(scope="session")
def cognito_seed() -> Path | None:
    """Return the seed file of `local_cognito`; override it with your own. None: the seed of the package."""
    return None


@pytest.fixture(scope="session")
def local_cognito(cognito_seed: Path | None) -> "Iterator[Emulator]":
    """Run a local Cognito on a free port of 127.0.0.1 for the whole test run (extra `emulator`)."""
    from local_cognito import Emulator

    with Emulator(seed=cognito_seed, port=0) as emulator:
        yield emulator
