"""The emulators that the tests share, and the handling of tests that need a browser or npm."""

import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from local_cognito import Emulator

if "local_cognito_support" not in sys.modules:  # the tests of django_cognito register and import it as well
    pytest.register_assert_rewrite("local_cognito_support")

from local_cognito_support import identity_site, real_parts
from local_cognito_support.botocore_data import load_data_once
from local_cognito_support.compiled_routes import compile_routes_once
from local_cognito_support.identity_provider import federated_emulator, provider
from local_cognito_support.signing_keys import share_private_keys
from local_cognito_support.user_pools import SEED, Clock, Users

__all__ = ["federated_emulator", "provider"]


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; compile the routes of all emulators, load the data of botocore and generate keys once."""
    compile_routes_once()
    load_data_once()
    share_private_keys()
    config.addinivalue_line("markers", f"needs(part, ...): programs the test needs: {', '.join(real_parts.PROBES)}")
    config.addinivalue_line("markers", "mistake(text, by=kind): a row of tests/mistakes.md and what reports it")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test if a program that it needs is missing; fail it if CI=true."""
    needed = {part for mark in item.iter_markers("needs") for part in mark.args}
    if missing := sorted(part for part in needed if real_parts.is_missing(part)):
        stop = pytest.fail if real_parts.is_ci() else pytest.skip
        stop(f"needs {' and '.join(missing)}, which this machine lacks")


_CLOCK = Clock()


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Yield the emulator's clock; reset it to the real time after the test."""
    yield _CLOCK
    _CLOCK.ahead = 0.0


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """Yield a local Cognito with the pools of `SEED`."""
    with Emulator(seed=SEED, now=_CLOCK) as running:
        yield running


@pytest.fixture(scope="session")
def idp(emulator: Emulator) -> Any:
    """Return boto3's client for the first pool, with administrator credentials."""
    config = Config(retries={"max_attempts": 0})
    return boto3.client(
        "cognito-idp",
        endpoint_url=emulator.endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=config,
    )


@pytest.fixture(scope="session")
def public_idp(emulator: Emulator) -> Any:
    """Return boto3's client as an app uses it: requests are not signed."""
    config = Config(signature_version=UNSIGNED, retries={"max_attempts": 0})
    return boto3.client("cognito-idp", endpoint_url=emulator.endpoint_url, region_name="eu-west-1", config=config)


@pytest.fixture(scope="session")
def users(idp: Any) -> Users:
    """Return the helper that creates users in the first pool."""
    return Users(idp)


@pytest.fixture(scope="session")
def site() -> Iterator[identity_site.Site]:
    """Yield a local Cognito with identity pools and an AWS account; it uses `clock`."""
    with Emulator(seed=identity_site.SEED, now=_CLOCK) as running:
        yield identity_site.Site(running)
