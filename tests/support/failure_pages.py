"""What the page of each error code of a failed sign-in must show, and the guide's table of these codes."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.support import source

GUIDE = source.PROJECT_DIRECTORY / "docs" / "troubleshooting.md"


class Page(NamedTuple):
    """What the page of a code must show: words of its heading, and the link that starts another sign-in, if any.

    The texts are not read from the catalogue: a wrong text must not be its own expectation.
    """

    heading: str
    link: str | None = "Sign in again"
    is_password_required: bool = False


# With `prompt=login` Cognito asks for a password. Without it Cognito signs in the user of its own session, so that a
# disabled user would come back to the same page.
PAGES = {
    "state_unknown": Page("has expired or was already used", "Start again"),
    "state_expired": Page("took too long", "Start again"),
    "session_cookie_lost": Page("did not send"),
    "state_missing": Page("did not start on this site"),
    "refused_by_provider": Page("refused or cancelled"),
    "provider_trouble": Page("is not available"),
    "cognito_unavailable": Page("cannot be reached"),
    "client_secret_unavailable": Page("cannot be reached"),
    "token_not_yet_valid": Page("clocks"),
    "token_expired": Page("clocks"),
    "unauthorized_client": Page("is misconfigured"),
    "client_refused": Page("is misconfigured"),
    "malformed_response": Page("is misconfigured"),
    "wrong_resource": Page("is misconfigured"),
    "invalid_grant": Page("did not confirm"),
    "invalid_client": Page("is misconfigured"),
    "backend_missing": Page("is misconfigured", link=None),
    "wrong_issuer": Page("sign-in failed"),
    "user_inactive": Page("is disabled", "Sign in with another account", is_password_required=True),
    "user_disabled_in_cognito": Page("is disabled", "Sign in with another account", is_password_required=True),
    "revocation_unavailable": Page("temporarily unavailable"),
    "user_unknown": Page("no account for you", "Sign in with another account", is_password_required=True),
    "account_not_linkable": Page(
        "cannot be used with this sign-in", "Sign in with another account", is_password_required=True
    ),
    "tenant_unknown": Page("no sign-in at this URL", link=None),
    "invalid_parameter": Page("not valid"),
    "sign_in_too_old": Page("sign in again for this", is_password_required=True),
    "mfa_missing": Page("second factor", is_password_required=True),
    "linked_elsewhere": Page("linked to another user"),
    "link_interrupted": Page("signed out before"),
    "not_linked": Page("not linked to your user", link=None),
    "last_way_in": Page("could not sign in without", link=None),
}


def table() -> Iterator[tuple[str, int]]:
    """Yield each code of the guide's table with its status."""
    section = re.search(r"^## Sign-in errors\n(.*?)(?=^## )", GUIDE.read_text(), re.M | re.S)
    assert section is not None
    for codes, status in re.findall(r"^\| ([^|]+) \| (\d{3}) \| [^|]+ \| [^|]+ \|$", section[1], re.M):
        for code in re.findall(r"`(\w+)`", codes):
            yield code, int(status)
