"""Which app client calls an endpoint, proved as Cognito wants it. Knows the request and clients, no person.

Source: AWS developer guide, "Token endpoint"; RFC 6749 2.3.1.
"""

from collections.abc import Callable, Mapping

from flask import request

from ..accounts.clients import AppClient
from .errors import OAuthError


def authenticated_client(form: Mapping[str, str], find_client: Callable[[str], AppClient | None]) -> AppClient:
    """The client that calls: by Basic header, by `client_id` and `client_secret` in the body, or a public one by id.

    Raises OAuthError.
    """
    client_id, secret = _from_header(form) if "Authorization" in request.headers else _from_body(form)
    client = find_client(client_id)
    # A public client has the empty secret: one that sends any other has been set up wrongly, and should know.
    if client is None or not client.has_secret(secret):
        raise OAuthError("invalid_client")
    return client


def _from_header(form: Mapping[str, str]) -> tuple[str, str]:
    # Taken as they are, not percent-decoded as RFC 6749 asks: a Cognito secret may hold a plus sign.
    credentials = request.authorization
    if credentials is None or credentials.type != "basic":
        raise OAuthError("invalid_client")
    client_id = credentials.username or ""
    if form.get("client_id", client_id) != client_id:
        raise OAuthError("invalid_request")
    return client_id, credentials.password or ""


def _from_body(form: Mapping[str, str]) -> tuple[str, str]:
    if not form.get("client_id"):
        raise OAuthError("invalid_request")
    return form["client_id"], form.get("client_secret", "")
