"""What the tests of the login share: a token endpoint that answers as it is told."""

from collections.abc import Iterator
from typing import Any

import pytest

from ..scripted_server import ScriptedServer


@pytest.fixture
def token_endpoint(settings: Any, cognito_keys: None) -> Iterator[ScriptedServer]:
    """The hosted UI's origin, as far as programs ask it; the tokens that it gives are `make_token`'s."""
    with ScriptedServer() as server:
        settings.COGNITO = {**settings.COGNITO, "DOMAIN": server.url}
        yield server
