"""Steps: tokens that the API rejects, each for another reason."""

import base64
import json
import time

from .. import api, hosted_ui, srp
from ..context import Context
from ..step import step

LEEWAY_SECONDS = 10  # the default of COGNITO["LEEWAY_SECONDS"]: the allowed difference between clocks
ACCESS_TOKEN_SECONDS = 3  # `access_token_minutes` of the short-lived client in the seed


@step("A token with a changed claim", expected="401 invalid_signature")
def changed_claim(context: Context) -> str:
    """Add Bob to the group editors in the claims, without a new signature."""
    header, payload, signature = hosted_ui.fetch_tokens(context, context.users["bob"])["access_token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    claims["cognito:groups"] = ["editors"]
    forged_payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return api.summarize(api.list_notes(context, f"{header}.{forged_payload}.{signature}"))


@step("An ID token instead of an access token", expected="401 wrong_token_use")
def id_token(context: Context) -> str:
    """Send Alice's ID token."""
    return api.summarize(api.list_notes(context, hosted_ui.fetch_tokens(context, context.users["alice"])["id_token"]))


@step("A token of another app client", expected="401 wrong_client")
def other_client(context: Context) -> str:
    """Send a token of the same user and user pool."""
    token = srp.sign_in(context.idp, context.other_client, context.users["alice"])
    return api.summarize(api.list_notes(context, token))


@step("A token of another user pool", expected="401 wrong_issuer")
def other_pool(context: Context) -> str:
    """Send a token of a user who is in the group admins of the other user pool."""
    token = srp.sign_in(context.idp, context.other_pool_client, context.other_pool_user)
    return api.summarize(api.list_notes(context, token))


@step("A token that expires (takes 14 seconds)", expected="before: 200; after: 401 token_expired")
def expired_token(context: Context) -> str:
    """Send the same token before and after it has expired. The site accepts its app client."""
    token = srp.sign_in(context.idp, context.short_lived_client, context.users["bob"])
    before = api.summarize(api.list_notes(context, token))
    time.sleep(ACCESS_TOKEN_SECONDS + LEEWAY_SECONDS + 1)
    return f"before: {before}; after: {api.summarize(api.list_notes(context, token))}"
