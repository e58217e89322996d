"""The hosted UI client of this package at the endpoints of the local Cognito, with client secrets of any characters."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from local_cognito_support.hosted_site import CALLBACK, VERIFIER, Site, running_site

from django_cognito.core import UserPool
from django_cognito.core.errors import SignInError
from django_cognito.core.hosted_ui import HostedUi


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


SPECIAL = "a:secret+of/50%=2B& \u20ac"


@pytest.fixture
def special_secret(site: Site, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The secret of the confidential client, in characters that Basic credentials and forms treat specially."""
    secret: str = getattr(request, "param", SPECIAL)
    client, find_client = replace(site.confidential, secret=secret), site.service.client
    monkeypatch.setattr(site.service, "client", lambda name: client if name == client.id else find_client(name))
    return secret


@pytest.mark.parametrize(
    "special_secret", [SPECIAL, "+", "a+b", "%", "%2B", "a/b", "a:b", "gr\u00fc\u00df", " x "], indirect=True
)
def test_hosted_ui_signs_in_and_revokes_with_any_client_secret(site: Site, special_secret: str) -> None:
    pool = UserPool(site.confidential.pool_id, client_ids=(site.confidential.id,), domain=site.url)
    hosted_ui = HostedUi(pool, site.confidential.id, special_secret)
    tokens = hosted_ui.exchange_code(site.sign_in(site.confidential), redirect_uri=CALLBACK, code_verifier=VERIFIER)
    assert tokens.refresh_token is not None
    assert hosted_ui.refresh(tokens.refresh_token).access_token
    hosted_ui.revoke(tokens.refresh_token)
    with pytest.raises(SignInError) as caught:
        hosted_ui.refresh(tokens.refresh_token)
    assert caught.value.code == "invalid_grant"
    with pytest.raises(SignInError) as caught:
        HostedUi(pool, site.confidential.id, special_secret + "x").refresh("any")
    assert caught.value.code == "invalid_client"
