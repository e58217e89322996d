"""A local Cognito for a site under test: its seed, the site's settings, and sign-ins at its pages."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.test import Client
from local_cognito import Emulator
from local_cognito_support.hosted_site import PASSWORD, Browser, read_query

from .timeouts import HTTP_TIMEOUT_SECONDS

POOL_ID = "eu-west-1_Journeys1"
SCOPES = ["openid", "email", "profile"]
ADMIN_SCOPE = "aws.cognito.signin.user.admin"
SECRET = "a_secret_of_24_letters_or_more"


def seed_for(site: str) -> dict[str, Any]:
    """Return a seed: one pool with a public, a confidential, a rotating and a machine-to-machine client."""
    urls = {"callback_urls": [f"{site}/auth/callback/"], "logout_urls": [f"{site}/"], "scopes": SCOPES}
    clients = [
        {"id": "1public", **urls},
        {"id": "2confidential", "secret": SECRET, **urls},
        {"id": "3rotating", "rotate_refresh_tokens": True, **urls, "scopes": [*SCOPES, ADMIN_SCOPE]},
        {"id": "4machine", "secret": SECRET, "flows": ["client_credentials"], "scopes": ["orders/read"]},
    ]
    users = [
        {"username": "alice", "password": PASSWORD, "email": "alice@example.com", "email_verified": True},
        {"username": "bob", "password": PASSWORD, "email": "bob@example.com", "email_verified": True},
    ]
    servers = [{"identifier": "orders", "scopes": ["read"]}]
    pool = {"id": POOL_ID, "name": "Journeys", "resource_servers": servers, "clients": clients, "users": users}
    return {"pools": [pool]}


def settings_for(emulator: Emulator, client_id: str = "1public", **changes: Any) -> Mapping[str, Any]:
    """Return the setting COGNITO of a site that uses `emulator`."""
    return {
        "USER_POOL_ID": POOL_ID,
        "CLIENT_ID": client_id,
        "CLIENT_SECRET": SECRET if client_id == "2confidential" else "",
        "ISSUER": emulator.issuer(POOL_ID),
        "DOMAIN": emulator.domain,
        "ENDPOINT_URL": emulator.endpoint_url,
        "HTTP_TIMEOUT_SECONDS": HTTP_TIMEOUT_SECONDS,
        **changes,
    }


def hosted_ui(browser: Browser, client: Client, **query: str) -> Any:
    """Start a sign-in with the site's `client`; open the hosted UI in `browser` and return its page."""
    url = client.get("/auth/login/", query)["Location"]
    return browser.open(urlsplit(url).path, **read_query(url))


def sign_in_by_hand(browser: Browser, client: Client, username: str = "alice", **query: str) -> Any:
    """Sign in with a password; return the site's response to the callback."""
    hosted_ui(browser, client, **query)
    return client.get(browser.sign_in(username).headers["Location"])
