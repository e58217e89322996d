"""Why a sign-in failed: what the person is told and can do, and what whoever runs the site should look at.

By the error's code, which is stable. Knows no request; the sentences hold nothing that came with one.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from ..core.errors import CognitoError, CognitoUnavailableError


class WayOn(Enum):
    """How a failed sign-in may be started again: as it was, with the password, as another user, or not at all.

    SAME repeats the authorization request parameters too: the sign-in was not refused, it only came back too late.
    """

    AGAIN = "again"
    SAME = "same"
    BY_PASSWORD = "by password"
    AS_ANOTHER = "as another"
    NONE = "none"


class Cause(NamedTuple):
    """What is said of one: to the person what happened and what to do, to the operator what to look at."""

    sentence: Any
    remedy: Any
    hint: str = ""
    way_on: WayOn = WayOn.AGAIN


_AGAIN = _("Start again; if it happens twice, tell the people who run this site.")
_STALE = Cause(
    _("This sign-in is no longer open."),
    _("It may have been used already, or begun in another browser. Start again."),
    "many of these: does the browser send the cookie cognito_sign_in_... to the callback (REDIRECT_URI, https, proxy)?",
    WayOn.SAME,
)
_SET_UP_WRONG = _("This site's sign-in is not set up right.")
_TELL = _("Tell the people who run this site; the code below helps them.")
_CLOCKS = Cause(
    _("The clocks of this site and of the sign-in service differ."),
    _("Try again in a minute; if it goes on, tell the people who run this site."),
    "is this machine's clock right (NTP)? LEEWAY_SECONDS allows for a difference",
)
_OTHER = Cause(_("The sign-in did not succeed."), _AGAIN)
_CAUSES: Mapping[str, Cause] = {
    "state_unknown": _STALE,
    "state_expired": Cause(_("This sign-in took too long."), _("Start again."), "", WayOn.SAME),
    "session_cookie_lost": Cause(
        _("Your browser did not send this site's session cookie."),
        _("Go back to the site; if you are not signed in there, tell the people who run this site."),
        "compare SESSION_COOKIE_SAMESITE (Strict does this), _SECURE, _DOMAIN and _PATH with the URL of the callback",
    ),
    "state_missing": Cause(
        _("This sign-in was not begun here."),
        _("For your safety it was not taken. Begin it here, in the way that you usually sign in."),
        "a code without a state of ours: IdP-initiated SAML, whose app client should have a way in that begins here",
    ),
    "invalid_grant": Cause(
        _("The sign-in service did not confirm this sign-in."),
        _AGAIN,
        "can the app client read every attribute that a scope of SCOPES covers (email_verified with email, say)?"
        " else: a REDIRECT_URI that differs, or a code that was used or is older than 5 minutes",
    ),
    "refused_by_provider": Cause(
        _("The sign-in was refused or cancelled."),
        _("Start again, perhaps with another account."),
        "a Lambda trigger of the pool, the identity provider or the person said no",
    ),
    "provider_trouble": Cause(
        _("The service that you sign in with has trouble."),
        _("Nothing is lost. Try again in a moment, or sign in another way."),
        "the pool could not reach the identity provider, or did not understand it: see the provider's settings",
    ),
    "unauthorized_client": Cause(
        _SET_UP_WRONG,
        _TELL,
        "is the callback's address registered with the app client, letter by letter, and the code grant allowed?",
    ),
    "invalid_client": Cause(_SET_UP_WRONG, _TELL, "are CLIENT_ID and CLIENT_SECRET the app client's own?"),
    "client_secret_unavailable": Cause(
        _("The sign-in service does not answer."),
        _("Nothing is lost; try again in a moment."),
        "the function of CLIENT_SECRET failed; the log of django_cognito.core.client_secret names the error's type",
    ),
    "client_refused": Cause(
        _SET_UP_WRONG, _TELL, "are the code grant and every scope of SCOPES allowed to the app client?"
    ),
    "malformed_response": Cause(_SET_UP_WRONG, _TELL, "is the scope openid allowed, and DOMAIN this pool's?"),
    "tenant_unknown": Cause(
        _("Nobody signs in at this address."), _("Is the address right?"), "see POOL_RESOLVER", WayOn.NONE
    ),
    "invalid_parameter": Cause(
        _("The link that led here is not right."), _("Sign in from the site's own page."), "see the login's parameters"
    ),
    "sign_in_too_old": Cause(
        _("You have to sign in anew for this."),
        _("Start again, and give your password."),
        "max_age was not heeded",
        WayOn.BY_PASSWORD,
    ),
    "linked_elsewhere": Cause(
        _("This account belongs to somebody else here."),
        _("Sign out, and sign in with it; or ask the people who run this site."),
    ),
    "link_interrupted": Cause(_("You were signed out meanwhile."), _("Sign in, and begin again.")),
    "not_linked": Cause(_("This account is not one of yours."), _("Look at the list once more."), "", WayOn.NONE),
    "last_way_in": Cause(
        _("Without it you could not sign in any more."),
        _("Add another account first."),
        "the user has no password",
        WayOn.NONE,
    ),
    "wrong_issuer": Cause(
        _("The sign-in did not succeed."), _AGAIN, "ISSUER lists the forms that are accepted of the pool's issuer"
    ),
    "wrong_resource": Cause(_SET_UP_WRONG, _TELL, "does the pool bind tokens to RESOURCE?"),
    "token_not_yet_valid": _CLOCKS,
    "token_expired": _CLOCKS,
    "user_inactive": Cause(
        _("This account is disabled."), _("Ask the people who run this site."), "", WayOn.AS_ANOTHER
    ),
    "user_unknown": Cause(
        _("This account is not known here."),
        _("Ask the people who run this site to let you in."),
        "CREATE_USERS is off, and nobody has this person's pool and sub",
        WayOn.AS_ANOTHER,
    ),
}
_UNAVAILABLE = Cause(
    _("The sign-in service does not answer."), _("Nothing is lost; try again in a moment."), "is DOMAIN reachable?"
)


def cause_of(error: CognitoError) -> Cause:
    """What is said of `error`."""
    cause = _CAUSES.get(error.code)
    if cause is None:
        return _UNAVAILABLE if isinstance(error, CognitoUnavailableError) else _OTHER
    return cause
