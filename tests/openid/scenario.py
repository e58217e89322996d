"""A browser's way through the provider, over HTTP, and the failure page at its end."""

from typing import Any

import requests
from django.test import Client

from tests.support.scenarios.login import unchanged

from .provider import Provider


def sign_in(client: Client, **query: str) -> Any:
    """A whole sign-in of `client`: the site's answer to whoever comes back."""
    return client.get(come_back_from(way_in(client, **query)))


def way_in(client: Client, **query: str) -> str:
    """Where the site sends a browser that wants to sign in."""
    return str(client.get("/auth/login/", query)["Location"])


def come_back_from(address: str) -> str:
    """Where the provider sends the browser back to."""
    return requests.get(address, allow_redirects=False, timeout=30).headers["Location"]


def refusal(client: Client, provider: Provider, back: str, *, asks: tuple[str, ...], state: str | None = None) -> Any:
    """The page with which the callback `back` is refused: nothing is changed by it, and no more is asked than `asks`.

    `state` is the one that the callback uses up.
    """
    provider.asked.clear()
    with unchanged(client, except_state=state):
        page = client.get(back)
    assert provider.asked == list(asks)
    assert "django_cognito/login_failed.html" in [template.name for template in page.templates]
    assert "no-store" in page["Cache-Control"]
    return page


def told(page: Any) -> tuple[int, str]:
    """A failure page's status and code; it shows the code."""
    code: str = page.context["code"]
    assert f"<code>{code}</code>" in page.content.decode()
    return page.status_code, code
