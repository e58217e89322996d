"""The catalogue of error codes: HTTP statuses and texts of each code. Must not depend on a request.

`docs/reference.md` has the same codes (`tests/test_documents.py`). All texts are fixed: none has a value of a request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.utils.translation import gettext_lazy as _


class RetryMode(Enum):
    """How the user can start a failed sign-in again. Each repeats `next` and the authorization request parameters.

    START_AGAIN is for a sign-in that did not end, RETRY for one that failed. REAUTHENTICATE asks for the password, and
    SWITCH_ACCOUNT asks for another account. With NONE a retry cannot succeed.
    """

    RETRY = "retry"
    START_AGAIN = "start again"
    REAUTHENTICATE = "reauthenticate"
    SWITCH_ACCOUNT = "switch account"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """The statuses and texts of one code.

    `statuses` lists every HTTP status of the code; it is empty if the code reaches no client. The status of one error
    follows from its class (`web.responses`). Pages show 403 instead of 401.
    `sentence` is for API clients, `heading` and `remedy` are for the user, `hint` is for the log. An empty text means
    that the text of the error's class is used.
    """

    statuses: tuple[int, ...] = ()
    sentence: Any = ""
    heading: Any = ""
    remedy: Any = ""
    hint: str = ""
    retry_mode: RetryMode = RetryMode.RETRY


_RETRY = _("Start again. If it fails again, contact the site administrator.")
CONTACT = _("Contact the site administrator and name the code below.")
_MISCONFIGURED = _("Sign-in is misconfigured.")
_FAILED = _("The sign-in failed.")
_UNREACHABLE = _("The sign-in service cannot be reached.")
_TRY_LATER = _("Try again in a moment.")
_CLOCK_TEXTS: Mapping[str, Any] = {
    "heading": _("The clocks of this site and of the sign-in service differ."),
    "remedy": _("Try again in a minute. If it fails again, contact the site administrator."),
    "hint": "check the clock of this host (NTP); LEEWAY_SECONDS allows for a difference",
}

# The texts of codes that are not listed, or have no text of their own.
REJECTED_TOKEN = ErrorEntry((401,), _("The token is not accepted."))
REFUSED_CREDENTIALS = ErrorEntry((403,), _("AWS does not allow this."))
FAILED_SIGN_IN = ErrorEntry((400,), _FAILED, _FAILED, _RETRY)
UNAVAILABLE = ErrorEntry(
    (503,),
    _("The sign-in service cannot be reached. Try again in a moment."),
    _UNREACHABLE,
    _TRY_LATER,
    "is DOMAIN reachable?",
)
ENDED_LOGIN = ErrorEntry((401,), _("Your login has ended. Sign in again."))

CATALOGUE: Mapping[str, ErrorEntry] = {
    # tokens
    "invalid_token": REJECTED_TOKEN,
    "scheme_missing": ErrorEntry(
        (401,),
        _('The Authorization header has a token without the scheme Bearer. Send "Bearer", a space and the token.'),
    ),
    "scheme_repeated": ErrorEntry(
        (401,), _('There is one "Bearer" too many. Send it once, in the Authorization header before the token.')
    ),
    "token_missing": ErrorEntry(
        (401,), _('The header has no token. Send one; in the Authorization header after "Bearer" and a space.')
    ),
    "token_quoted": ErrorEntry((401,), _("The token is in quotes. Send it without them.")),
    "several_tokens": ErrorEntry(
        (401,), _("The header has more than one token, or one with spaces or commas. Send one header with one token.")
    ),
    "malformed_token": ErrorEntry(
        (401,), _("This is not a complete token of Amazon Cognito. Send the complete token, unchanged.")
    ),
    "refresh_token": ErrorEntry((401,), _("This is a refresh token; send the access token.")),
    "invalid_signature": ErrorEntry(
        (401,), _("The signature of the token is not valid. Send the complete token, unchanged.")
    ),
    "unknown_key": REJECTED_TOKEN,
    "invalid_claim": REJECTED_TOKEN,
    "token_expired": ErrorEntry((401,), _("The token has expired. Refresh it and try again."), **_CLOCK_TEXTS),
    "token_not_yet_valid": ErrorEntry(
        (401,), _("The token is not valid yet. Check the clock of its issuer."), **_CLOCK_TEXTS
    ),
    "wrong_issuer": ErrorEntry(
        (401, 400),
        heading=_FAILED,
        remedy=_RETRY,
        hint="compare the issuer with ISSUER and USER_POOL_ID",
    ),
    "wrong_client": REJECTED_TOKEN,
    "wrong_resource": ErrorEntry(
        (401,),
        _("The token is not for this API."),
        _MISCONFIGURED,
        CONTACT,
        "does the user pool bind access tokens to RESOURCE?",
    ),
    "wrong_token_use": ErrorEntry((401,), _("Wrong token type: this is neither an access token nor an ID token.")),
    "nonce_mismatch": REJECTED_TOKEN,
    "at_hash_mismatch": ErrorEntry((401,), _("The access token and the ID token were not issued together.")),
    "token_mismatch": ErrorEntry((401,), _("The access token and the ID token are not of the same sign-in.")),
    "token_revoked": ErrorEntry((401,), _("You have signed out. Sign in again.")),
    "user_disabled_in_cognito": ErrorEntry(
        (401,),
        _("This account is disabled."),
        _("This account is disabled."),
        _("Contact the site administrator."),
        "the user is disabled or deleted in the user pool; enable the user there, and the next sign-in by password is"
        " accepted; the classic hosted UI asks for no password while its own session is valid",
        RetryMode.SWITCH_ACCOUNT,
    ),
    "account_not_linkable": ErrorEntry(
        (401,),
        _("The account for this user cannot be used."),
        _("Your account on this site cannot be used with this sign-in."),
        _("Contact the site administrator."),
        "find_user of USER_ADAPTER returned a user who is staff, or who has or had a link in the user pool",
        RetryMode.SWITCH_ACCOUNT,
    ),
    "user_unknown": ErrorEntry(
        (401,),
        _("There is no account for this user."),
        _("There is no account for you on this site."),
        _("Ask the site administrator for access."),
        "CREATE_USERS is off, and no user is linked to the token's user pool and sub",
        RetryMode.SWITCH_ACCOUNT,
    ),
    "user_inactive": ErrorEntry(
        (401,),
        _("This account is disabled."),
        _("This account is disabled."),
        _("Contact the site administrator."),
        retry_mode=RetryMode.SWITCH_ACCOUNT,
    ),
    "service_user_rejected": ErrorEntry((401,), _("The account for this client cannot be used.")),
    # permissions
    "not_authenticated": ErrorEntry((401,), _("Sign in, or send a token.")),
    "group_required": ErrorEntry((403,), _("Your groups do not allow this.")),
    "csrf_failed": ErrorEntry(
        (403,), _("The request has no valid CSRF token. Send it in the header X-CSRFToken, from a page of this site.")
    ),
    "scope_required": ErrorEntry((403,), _("The token's scopes do not allow this.")),
    "session_required": ErrorEntry(
        (403,), _("This page requires a signed-in browser session; it accepts no bearer tokens.")
    ),
    "cognito_login_required": ErrorEntry((403,), _("This requires a sign-in with Amazon Cognito.")),
    "user_required": ErrorEntry((403,), _("This requires a user. Machine-to-machine clients have none.")),
    "insufficient_user_authentication": ErrorEntry(
        (401,), _("Sign in again for this. The challenge names the maximum age or the level of the sign-in.")
    ),
    # hosted UI and token endpoint
    "sign_in_refused": FAILED_SIGN_IN,
    "refused_by_provider": ErrorEntry(
        (400,),
        heading=_("The sign-in was refused or cancelled."),
        remedy=_("Start again, or use another account."),
        hint="a Lambda trigger of the user pool, the identity provider or the user refused; Cognito's words are in the"
        " line before",
    ),
    "provider_trouble": ErrorEntry(
        (503,),
        heading=_("The identity provider is not available."),
        remedy=_("Try again in a moment, or sign in with another provider."),
        hint="the user pool could not reach the identity provider or a Lambda trigger, or rejected its response;"
        " Cognito's words are in the line before",
    ),
    "invalid_client": ErrorEntry(
        (400,),
        heading=_MISCONFIGURED,
        remedy=CONTACT,
        hint="compare CLIENT_ID and CLIENT_SECRET with the page of the app client in the AWS console; a public client"
        " has no secret",
    ),
    "client_secret_unavailable": ErrorEntry(
        (503,),
        heading=_UNREACHABLE,
        remedy=_TRY_LATER,
        hint="the CLIENT_SECRET function failed; the log of django_cognito.core.client_secret names the error's type",
    ),
    "client_refused": ErrorEntry(
        (400, 503),
        heading=_MISCONFIGURED,
        remedy=CONTACT,
        hint="does the app client allow the authorization code grant and every scope of SCOPES? Remove the others from"
        " SCOPES, or allow them on its page in the AWS console",
    ),
    "invalid_grant": ErrorEntry(
        (400,),
        heading=_("The sign-in service did not confirm this sign-in."),
        remedy=_RETRY,
        hint="can the app client read every attribute that a scope of SCOPES covers (email_verified with email, say)?"
        " Otherwise REDIRECT_URI differs, or the code was used before or is older than 5 minutes",
    ),
    "backend_missing": ErrorEntry(
        (400,),
        heading=_MISCONFIGURED,
        remedy=CONTACT,
        hint="add 'django_cognito.backends.CognitoBackend' to AUTHENTICATION_BACKENDS, before ModelBackend",
        retry_mode=RetryMode.NONE,
    ),
    "invalid_request": FAILED_SIGN_IN,
    "invalid_scope": FAILED_SIGN_IN,
    "unauthorized_client": ErrorEntry(
        (400,),
        heading=_MISCONFIGURED,
        remedy=CONTACT,
        hint="is exactly this callback URL registered for the app client, and the authorization code grant allowed?",
    ),
    "unsupported_grant_type": FAILED_SIGN_IN,
    "unsupported_token_type": ErrorEntry(),
    "revocation_disabled": ErrorEntry(),
    "malformed_response": ErrorEntry(
        (400,),
        heading=_MISCONFIGURED,
        remedy=CONTACT,
        hint="does the app client allow the scope openid, and is DOMAIN that of this user pool?",
    ),
    "user_info_mismatch": FAILED_SIGN_IN,
    # pending sign-ins
    "state_unknown": ErrorEntry(
        (400,),
        heading=_("This sign-in has expired or was already used."),
        remedy=_("It may also have started in another browser. Start again."),
        hint="if frequent: does the browser send the cookie cognito_sign_in_... to the callback"
        " (REDIRECT_URI, https, proxy, SESSION_COOKIE_SECURE)?",
        retry_mode=RetryMode.START_AGAIN,
    ),
    "state_expired": ErrorEntry(
        (400,),
        heading=_("This sign-in took too long."),
        remedy=_("Start again."),
        retry_mode=RetryMode.START_AGAIN,
    ),
    "state_missing": ErrorEntry(
        (400,),
        heading=_("This sign-in did not start on this site."),
        remedy=_("For your security it was rejected. Sign in on this site."),
        hint="a code without a state: IdP-initiated SAML; start it at the login URL of this site, or set IDP_INITIATED",
    ),
    "session_cookie_lost": ErrorEntry(
        (400,),
        heading=_("Your browser did not send this site's session cookie."),
        remedy=_("Go back to the site. If you are not signed in there, contact the site administrator."),
        hint="compare SESSION_COOKIE_SAMESITE (not Strict), _SECURE, _DOMAIN and _PATH with the URL of the callback",
    ),
    "tenant_unknown": ErrorEntry(
        (400,),
        heading=_("There is no sign-in at this URL."),
        remedy=_("Check the URL."),
        hint="see POOL_RESOLVER",
        retry_mode=RetryMode.NONE,
    ),
    "invalid_parameter": ErrorEntry(
        (400,),
        heading=_("The link to this page is not valid."),
        remedy=_("Sign in from a page of this site."),
        hint="check the parameters of the login URL",
    ),
    "sign_in_too_old": ErrorEntry(
        (400,),
        heading=_("You have to sign in again for this."),
        remedy=_("Start again, and enter your password."),
        hint="auth_time is older than max_age or LINKING_MAX_AGE_SECONDS allows, or than the user's last sign-out"
        " everywhere; a session with a local password has none, and the classic hosted UI ignores max_age and prompt",
        retry_mode=RetryMode.REAUTHENTICATE,
    ),
    "mfa_missing": ErrorEntry(
        (400,),
        heading=_("You have to sign in with a second factor for this."),
        remedy=_("Sign in again with your second factor. If you have none, set one up first."),
        hint="the sign-in has none of the levels acr_values: does the user have a second factor, is the pool's tier"
        " Essentials or Plus with managed login, and are the levels those of AcrConfiguration?",
        retry_mode=RetryMode.REAUTHENTICATE,
    ),
    # linking
    "linked_elsewhere": ErrorEntry(
        (400,),
        heading=_("This account is linked to another user of this site."),
        remedy=_("Sign out and sign in with that account, or contact the site administrator."),
    ),
    "link_interrupted": ErrorEntry(
        (400,),
        heading=_("You were signed out before the account was linked."),
        remedy=_("Sign in and start again."),
    ),
    "not_linked": ErrorEntry(
        (400,),
        heading=_("This account is not linked to your user."),
        remedy=_("Reload the list of your accounts."),
        retry_mode=RetryMode.NONE,
    ),
    "last_way_in": ErrorEntry(
        (400,),
        heading=_("You could not sign in without this account."),
        remedy=_("Link another account first."),
        hint="the user has no password",
        retry_mode=RetryMode.NONE,
    ),
    # sessions
    "user_not_found_in_cognito": ErrorEntry(),
    "login_ended": ENDED_LOGIN,
    "login_unreadable": ENDED_LOGIN,
    "refresh_token_reused": ENDED_LOGIN,
    "session_expired": ENDED_LOGIN,
    "sign_out_scope_required": ErrorEntry(),
    "sign_out_refused": ErrorEntry(),
    "too_many_requests": UNAVAILABLE,
    "refresh_in_progress": UNAVAILABLE,
    "revocation_unavailable": ErrorEntry(
        (503,),
        _("This service is temporarily unavailable. Try again in a moment."),
        _("This service is temporarily unavailable."),
        _TRY_LATER,
        "the cache CACHE does not respond, or it was emptied and the database does not respond, and WITHOUT_CACHE is"
        " 'reject'",
    ),
    # AWS
    "directory_refused": ErrorEntry(
        (503,),
        hint="may the AWS role of the site use cognito-idp:AdminGetUser and AdminListGroupsForUser on the user pool?",
    ),
    "sync_running": ErrorEntry(),
    "sync_stopped": ErrorEntry(),
    "sync_refused": ErrorEntry(),
    "sync_lost": ErrorEntry(),
    "not_signed_in": ErrorEntry((403,), _("AWS credentials require a signed-in user.")),
    "person_required": ErrorEntry((403,), _("Machine-to-machine tokens have no AWS credentials.")),
    "id_token_required": ErrorEntry((403,), _("Send the ID token too, in the header X-Cognito-Id-Token.")),
    "credentials_refused": REFUSED_CREDENTIALS,
    # datasets
    "other_user": ErrorEntry((403,), _("Another user has signed in. Reload the page.")),
    "dataset_name_invalid": ErrorEntry((400,), _("The name of a dataset has 1 to 128 of A-Z a-z 0-9 _ . : -")),
    "since_invalid": ErrorEntry((400,), _("The parameters since and start must be integers of 0 or more.")),
    "body_invalid": ErrorEntry((400,), _("The body must be a JSON object of the type application/json.")),
    "operation_id_invalid": ErrorEntry((400,), _("An operation_id has 1 to 128 of A-Z a-z 0-9 _ . : -")),
    "records_invalid": ErrorEntry((400,), _("The list of records is not as documented, or has a key twice.")),
    "operation_id_reused": ErrorEntry((409,), _("This operation_id was used for another request. Use a new one.")),
    "datasets_limit": ErrorEntry((409,), _("You have too many datasets.")),
    "records_limit": ErrorEntry((409,), _("The dataset would have too many records. Delete some first.")),
    "dataset_too_large": ErrorEntry((409,), _("The dataset would be too large. Delete records first.")),
    "answers_limit": ErrorEntry((409,), _("The answers of a day to this dataset are too large. Try again later.")),
    "resync_required": ErrorEntry((410,), _("Deletions since then are no longer kept. Read the dataset from since=0.")),
    "value_too_large": ErrorEntry((413,), _("A value is too large.")),
    "request_too_large": ErrorEntry((413,), _("The request is too large. Send fewer records.")),
    "writes_limit": ErrorEntry((429,), _("Too many writes. Try again after the time in Retry-After.")),
    # any
    "cognito_error": ErrorEntry(),
    "cognito_unavailable": UNAVAILABLE,
}

# The sentences of "wrong_token_use", by the `token_use` of the token that was sent.
WRONG_TOKEN_USE: Mapping[str, Any] = {
    "id": _("An ID token was sent. Send the access token."),
    "access": _("An access token was sent. Send the ID token."),
}
