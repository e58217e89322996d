"""Sign-in that begins at the identity provider: a code without a state starts a sign-in of this site, by IDP_INITIATED.

The code is never redeemed: an attacker could send a victim to the callback with the attacker's code. Must not depend on
sessions. Source: AWS developer guide, "Using SAML identity providers": IdP-initiated sign-in has no `state`.
"""

from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse

from ..conf.loading import get_settings
from ..conf.schema import IdpInitiatedRule

_COOKIE = "cognito_idp_initiated_"  # and the name of the session cookie: cookies ignore ports
_PAUSE_SECONDS = 60  # at most one restart per browser: a provider that always answers without a state would loop


def find_rule(request: HttpRequest) -> IdpInitiatedRule | None:
    """Return the rule of IDP_INITIATED for the host of `request`, with or without its port; None if there is none."""
    rules, host = get_settings().idp_initiated, request.get_host().lower()
    return rules.get(host) or rules.get(urlsplit(f"//{host}").hostname or "")


def is_restarted(request: HttpRequest) -> bool:
    """Return whether a sign-in of this browser was restarted in the last minute."""
    return bool(request.COOKIES.get(_cookie()))


def mark_restarted(request: HttpRequest, response: HttpResponse) -> None:
    """Set the cookie that prevents another restart for a minute."""
    response.set_cookie(
        _cookie(),
        "1",
        max_age=_PAUSE_SECONDS,
        path=django_settings.SESSION_COOKIE_PATH,
        domain=django_settings.SESSION_COOKIE_DOMAIN,
        secure=django_settings.SESSION_COOKIE_SECURE or request.is_secure(),
        httponly=True,
        samesite="Lax",
    )


def _cookie() -> str:
    return f"{_COOKIE}{django_settings.SESSION_COOKIE_NAME}"
