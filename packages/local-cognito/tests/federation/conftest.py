"""The fixture of a sign-in through an OpenID provider."""

from collections.abc import Iterator

import pytest
from local_cognito import Emulator
from local_cognito_support.hosted_site import Browser
from local_cognito_support.identity_provider import FederatedFlow, Provider, site_for


@pytest.fixture
def flow(federated_emulator: Emulator, provider: Provider) -> Iterator[FederatedFlow]:
    with Browser(site_for(federated_emulator, "1both")) as browser:
        yield FederatedFlow(browser, provider)
