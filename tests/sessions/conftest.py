"""Fixtures of the tests of sessions."""

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.models import CognitoLogin
from django_cognito.sessions import refresh


@pytest.fixture(params=["sync", "async"])
def ensure_fresh(request: pytest.FixtureRequest) -> Callable[[CognitoLogin], CognitoLogin]:
    """Return `refresh.ensure_fresh`, then `refresh.aensure_fresh` as a function."""
    return refresh.ensure_fresh if request.param == "sync" else async_to_sync(refresh.aensure_fresh)


@pytest.fixture
def cognito_server(token_endpoint: ScriptedServer, settings: Any) -> ScriptedServer:
    """Return a scripted server that is the hosted UI and the AWS API."""
    settings.COGNITO = {**settings.COGNITO, "ENDPOINT_URL": token_endpoint.url}
    return token_endpoint
