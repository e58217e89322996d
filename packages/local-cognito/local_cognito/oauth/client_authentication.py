"""Client authentication at the OAuth endpoints. Does not depend on users.

Source: AWS developer guide, "Token endpoint"; RFC 6749 2.3.1.
"""

from collections.abc import Callable, Mapping
from urllib.parse import unquote_plus

from flask import request

from ..accounts.clients import AppClient
from .errors import OAuthError


def authenticated_client(form: Mapping[str, str], find_client: Callable[[str], AppClient | None]) -> AppClient:
    """Return the client: by Basic header, by `client_id` and `client_secret` in the body, or a public client by its id.

    Raises OAuthError.
    """
    if "Authorization" in request.headers:
        credentials = _read_header(form)
    elif form.get("client_id"):
        credentials = [(form["client_id"], form.get("client_secret", ""))]
    else:
        raise OAuthError("invalid_request")
    for client_id, secret in credentials:
        client = find_client(client_id)
        # A public client has the empty secret. Any other one is rejected: the app is configured wrongly.
        if client is not None and client.has_secret(secret):
            return client
    raise OAuthError("invalid_client")


def _read_header(form: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the client id and secret of the header, as they are and form-decoded.

    RFC 6749 2.3.1 requires form-encoding; AWS documents "Base64Encode(client_id:client_secret)" without it. They differ
    only if a secret contains a plus sign, which is possible for a custom secret: both forms are accepted.
    """
    credentials = request.authorization
    if credentials is None or credentials.type != "basic":
        raise OAuthError("invalid_client")
    sent = credentials.username or "", credentials.password or ""
    decoded = unquote_plus(sent[0]), unquote_plus(sent[1])
    if form.get("client_id", sent[0]) not in (sent[0], decoded[0]):
        raise OAuthError("invalid_request")
    return [sent, decoded]
