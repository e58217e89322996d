"""What the page of each error code of a failed sign-in must show, and the guide's table of these codes."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.support import source

GUIDE = source.PROJECT_DIRECTORY / "docs" / "signing-in.md"


class Page(NamedTuple):
    """What the page of a code must show: words of its heading, and the link that starts another sign-in, if any.

    Written out, not read from `causes`: a wrong cause must not be its own expectation.
    """

    heading: str
    link: str | None = "Sign in again"
    is_password_required: bool = False


# With `prompt=login` Cognito asks for a password. Without it Cognito signs in the user of its own session, so that a
# disabled user would come back to the same page.
PAGES = {
    "state_unknown": Page("no longer open", "Start again"),
    "state_expired": Page("took too long", "Start again"),
    "session_cookie_lost": Page("did not send"),
    "state_missing": Page("not begun here"),
    "refused_by_provider": Page("refused or cancelled"),
    "provider_trouble": Page("has trouble"),
    "cognito_unavailable": Page("does not answer"),
    "client_secret_unavailable": Page("does not answer"),
    "token_not_yet_valid": Page("clocks"),
    "token_expired": Page("clocks"),
    "unauthorized_client": Page("not set up right"),
    "client_refused": Page("not set up right"),
    "malformed_response": Page("not set up right"),
    "wrong_resource": Page("not set up right"),
    "invalid_grant": Page("did not confirm"),
    "invalid_client": Page("not set up right"),
    "wrong_issuer": Page("did not succeed"),
    "user_inactive": Page("is disabled", "Sign in with another account", is_password_required=True),
    "user_unknown": Page("not known here", "Sign in with another account", is_password_required=True),
    "tenant_unknown": Page("Nobody signs in", link=None),
    "invalid_parameter": Page("link that led here"),
    "sign_in_too_old": Page("sign in anew", is_password_required=True),
    "linked_elsewhere": Page("belongs to somebody else"),
    "link_interrupted": Page("signed out meanwhile"),
    "not_linked": Page("not one of yours", link=None),
    "last_way_in": Page("could not sign in any more", link=None),
}


def table() -> Iterator[tuple[str, int]]:
    """Each code of the guide's table, with its status."""
    section = re.search(r"^## When it fails\n(.*?)(?=^## )", GUIDE.read_text(), re.M | re.S)
    assert section is not None
    for codes, status in re.findall(r"^\| [^|]+ \| ([^|]+) \| (\d{3}) \|$", section[1], re.M):
        for code in re.findall(r"`(\w+)`", codes):
            yield code, int(status)
