"""Client authentication at the OAuth endpoints. Does not depend on users.

Source: AWS developer guide, "Token endpoint"; RFC 6749 2.3.1.
"""

from collections.abc import Mapping
from urllib.parse import unquote_plus

from flask import request

from ..accounts.clients import AppClient
from ..pages.explanations import Explanation, explain_unknown_client, shorten_value
from ..user_pool_service import UserPoolService
from .errors import OAuthError


def authenticated_client(form: Mapping[str, str], service: UserPoolService) -> AppClient:
    """Return the client: by Basic header, by `client_id` and `client_secret` in the body, or a public client by its id.

    Raises OAuthError.
    """
    if "Authorization" in request.headers:
        credentials = _read_header(form)
    elif form.get("client_id"):
        credentials = [(form["client_id"], form.get("client_secret", ""))]
    else:
        raise OAuthError("invalid_request", Explanation("client_id is missing.", "Send it in the body or by Basic."))
    for client_id, secret in credentials:
        client = service.client(client_id)
        # A public client has the empty secret. Any other one is rejected: the app is configured wrongly.
        if client is not None and client.has_secret(secret):
            return client
    raise OAuthError("invalid_client", _explain_credentials(*credentials[0], service))


def _explain_credentials(client_id: str, secret: str, service: UserPoolService) -> Explanation:
    """Return why these credentials are wrong. The explanation contains no secret."""
    client = service.client(client_id)
    if client is None:
        return explain_unknown_client(client_id, service.clients())
    if client.secret is None:
        return Explanation(
            f"The app client {client.id} is public, and the request has a client secret.",
            "Remove CLIENT_SECRET of the app, or add secret to the app client in the seed.",
        )
    return Explanation(
        f"The client secret of the app client {client.id} is {'wrong' if secret else 'missing'}.",
        "Set CLIENT_SECRET of the app to secret of the app client in the seed.",
    )


def _read_header(form: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the client id and secret of the header, as they are and form-decoded.

    RFC 6749 2.3.1 requires form-encoding; AWS documents "Base64Encode(client_id:client_secret)" without it. They differ
    only if a secret contains a plus sign, which is possible for a custom secret: both forms are accepted.
    """
    credentials = request.authorization
    if credentials is None or credentials.type != "basic":
        remedy = "Send Basic and the base64 text of client_id:client_secret."
        raise OAuthError("invalid_client", Explanation("The Authorization header is not valid.", remedy))
    sent = credentials.username or "", credentials.password or ""
    decoded = unquote_plus(sent[0]), unquote_plus(sent[1])
    if form.get("client_id", sent[0]) not in (sent[0], decoded[0]):
        problem = (
            f"The body has the client_id {shorten_value(form['client_id'])}, the Authorization header another one."
        )
        raise OAuthError("invalid_request", Explanation(problem, "Send the credentials of one app client."))
    return [sent, decoded]
