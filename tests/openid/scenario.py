"""The steps of a sign-in at the provider, over HTTP, and its failure page."""

from typing import Any

import requests
from django.test import Client

from tests.support.scenarios.login import unchanged

from .provider import Provider


def sign_in(client: Client, **query: str) -> Any:
    """Sign in with `client`; return the site's response to the callback."""
    return client.get(follow_to_callback(start_sign_in(client, **query)))


def start_sign_in(client: Client, **query: str) -> str:
    """Start a sign-in at the site; return the URL of its authorization request."""
    return str(client.get("/auth/login/", query)["Location"])


def follow_to_callback(authorize_url: str) -> str:
    """Send the authorization request; return the callback URL to which the provider redirects."""
    return requests.get(authorize_url, allow_redirects=False, timeout=30).headers["Location"]


def refusal_page(
    client: Client, provider: Provider, callback_url: str, *, calls: tuple[str, ...], state: str | None = None
) -> Any:
    """Open `callback_url` with `client`; return the failure page.

    Assert that nothing is changed and that just the endpoints `calls` are called. `state` is the sign-in that the
    callback uses up.
    """
    provider.called_endpoints.clear()
    with unchanged(client, except_state=state):
        page = client.get(callback_url)
    assert provider.called_endpoints == list(calls)
    assert "django_cognito/login_failed.html" in [template.name for template in page.templates]
    assert "no-store" in page["Cache-Control"]
    return page


def read_failure(page: Any) -> tuple[int, str]:
    """Return a failure page's status and code; assert that the page shows the code."""
    code: str = page.context["code"]
    assert f"<code>{code}</code>" in page.content.decode()
    return page.status_code, code
