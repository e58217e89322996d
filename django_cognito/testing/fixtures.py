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
    """`make_token`'s tokens are accepted, and no key is fetched."""
    with trusted_keys():
        yield


@pytest.fixture
def cognito_sign_in(cognito_keys: None, client: Any, db: None) -> Callable[..., Any]:
    """`cognito_sign_in("alice", groups=["editors"])` signs the fixture `client` in; it gives the Django user."""
    return lambda *args, **kwargs: sign_in(client, *args, **kwargs)


@pytest.fixture(scope="session")
def cognito_seed() -> Path | None:
    """The seed file of `local_cognito`; override it with your own. None: the one that comes with the package."""
    return None


@pytest.fixture(scope="session")
def local_cognito(cognito_seed: Path | None) -> "Iterator[Emulator]":
    """A local Cognito on a free port of 127.0.0.1, for the whole test run (extra `emulator`)."""
    from local_cognito import Emulator

    with Emulator(seed=cognito_seed, port=0) as emulator:
        yield emulator
