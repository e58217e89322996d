"""Sign-in that begins at the identity provider: a code without a state starts a sign-in of this site, by IDP_INITIATED.

The code is never redeemed: an attacker could send a victim to the callback with the attacker's code. Must not depend on
sessions. Source: AWS developer guide, "Using SAML identity providers": IdP-initiated sign-in has no `state`.
"""

from urllib.parse import urlsplit

from django.http import HttpRequest

from ..conf.loading import get_settings
from ..conf.schema import IdpInitiatedRule
from ..web.browser_mark import BrowserMark

# A restart in the last minute, which prevents another: a provider that always answers without a state would loop.
RESTARTED = BrowserMark("cognito_idp_initiated_", 60)


def find_rule(request: HttpRequest) -> IdpInitiatedRule | None:
    """Return the rule of IDP_INITIATED for the host of `request`, with or without its port; None if there is none."""
    rules, host = get_settings().idp_initiated, request.get_host().lower()
    return rules.get(host) or rules.get(urlsplit(f"//{host}").hostname or "")
