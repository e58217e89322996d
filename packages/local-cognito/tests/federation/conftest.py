"""A browser at an app whose users come from an OpenID provider."""

from collections.abc import Iterator

import pytest
from local_cognito import Emulator
from local_cognito_support.hosted_site import Browser
from local_cognito_support.identity_provider import Provider, Visitor, site_for


@pytest.fixture
def visitor(federated: Emulator, provider: Provider) -> Iterator[Visitor]:
    with Browser(site_for(federated, "1both")) as browser:
        yield Visitor(browser, provider)
