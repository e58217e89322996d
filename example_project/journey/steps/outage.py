"""Steps: the JWKS URL becomes unavailable. It stays unavailable for all later steps."""

from .. import api, srp
from ..context import Context
from ..step import step


@step("The server of the JWKS URL is stopped", expected="before: reachable; after: connection refused")
def stopped_jwks_url(context: Context) -> str:
    """Stop the proxy."""
    before = "reachable" if context.jwks_proxy.is_reachable() else "connection refused"
    context.jwks_proxy.stop()
    after = "reachable" if context.jwks_proxy.is_reachable() else "connection refused"
    return f"before: {before}; after: {after}"


@step("A new token whose key is in the site's cache", expected="200")
def cached_keys(context: Context) -> str:
    """Check that the site verifies tokens with cached keys."""
    return api.summarize(api.list_notes(context, srp.sign_in(context.idp, context.web_client, context.users["bob"])))


@step(
    "The same request to a process that started after the stop",
    expected="503 cognito_unavailable with Retry-After",
)
def process_without_keys(context: Context) -> str:
    """Check that a process without keys responds "unavailable" and not "rejected"."""
    token = srp.sign_in(context.idp, context.web_client, context.users["bob"])
    response = api.list_notes(context, token, site=context.start_second_site())
    return f"{api.summarize(response)} {api.describe_retry_after(response)}"
