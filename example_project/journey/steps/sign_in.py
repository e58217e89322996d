"""Steps: sign-in with a browser."""

from urllib.parse import parse_qs, urlsplit

import pyotp

from .. import hosted_ui
from ..browser import Browser
from ..context import Context
from ..page import Page
from ..step import step


@step(
    "The hosted UI refuses a wrong password",
    expected="the form with “Incorrect username or password.”; not signed in at Fieldnotes",
)
def wrong_password(context: Context) -> str:
    """Submit a wrong password for Alice."""
    browser = Browser()
    page = browser.open(f"{context.site}/me/")
    page = hosted_ui.submit_password(browser, page, context.users["alice"], password="not-her-password-1A")
    sentence = "Incorrect username or password."
    form_result = f"the form with “{sentence}”" if sentence in page.text else page.text[:100]
    return f"{form_result}; {_describe_site_user(browser, context)}"


@step(
    "Alice signs in at the hosted UI with the authorization code grant and PKCE",
    expected="authorization request with S256, state and nonce; callback with code and the same state; "
    "signed in at Fieldnotes as Alice Heron",
)
def authorization_code_with_pkce(context: Context) -> str:
    """Check the parameters of the authorization request and of the callback."""
    browser = Browser()
    sign_in_page = browser.open(f"{context.site}/me/")
    page = hosted_ui.submit_password(browser, sign_in_page, context.users["alice"])
    request_query = _get_query(sign_in_page, f"{context.cognito}/oauth2/authorize")
    callback_query = _get_query(page, context.callback_url)
    method, state, nonce = (
        _describe_challenge(request_query),
        _describe_parameter(request_query, "state"),
        _describe_parameter(request_query, "nonce"),
    )
    same_state = "the same" if callback_query.get("state") == request_query.get("state") else "another"
    return (
        f"authorization request with {method}, {state} and {nonce}; "
        f"callback with {_describe_parameter(callback_query, 'code')} and {same_state} state; "
        f"{_describe_site_user(browser, context)}"
    )


@step(
    "Dave cannot sign in without the code of his authenticator app",
    expected="password: code requested; wrong code: code requested again; not signed in at Fieldnotes",
)
def missing_totp_code(context: Context) -> str:
    """Submit the correct password and a wrong code."""
    browser, dave = Browser(), context.users["dave"]
    page = hosted_ui.sign_in(browser, context, dave)
    password_result = "code requested" if page.has_form("code") else f"{page.url} {page.status}"
    page = hosted_ui.submit_code(browser, page, hosted_ui.get_wrong_code(pyotp.TOTP(dave.totp_secret or "")))
    code_result = "code requested again" if page.has_form("code") else f"{page.url} {page.status}"
    return f"password: {password_result}; wrong code: {code_result}; {_describe_site_user(browser, context)}"


@step("Dave signs in with the code", expected="signed in at Fieldnotes as Dave Stile")
def totp_code(context: Context) -> str:
    """Submit the password and the code."""
    browser, dave = Browser(), context.users["dave"]
    page = hosted_ui.sign_in(browser, context, dave)
    hosted_ui.submit_code(browser, page, pyotp.TOTP(dave.totp_secret or "").now())
    return _describe_site_user(browser, context)


@step(
    "The profile page shows groups and permissions",
    expected="alice: editors; notes.add_note, notes.change_note, notes.view_note. bob: viewers; notes.view_note",
)
def profile_page(context: Context) -> str:
    """Check the permissions that the groups give."""
    return ". ".join(f"{name}: {_get_groups_and_permissions(context, name)}" for name in ("alice", "bob"))


def _get_groups_and_permissions(context: Context, name: str) -> str:
    page = hosted_ui.sign_in(Browser(), context, context.users[name])
    return f"{', '.join(page.get_list_items('my-groups'))}; {', '.join(sorted(page.get_codes('my-permissions')))}"


def _describe_site_user(browser: Browser, context: Context) -> str:
    """Return the user of the site's session in this browser."""
    page = browser.open(f"{context.site}/me/")
    if not page.url.startswith(context.site):
        return "not signed in at Fieldnotes"
    names = [user.name for user in context.users.values() if user.name in page.text]
    return f"signed in at Fieldnotes as {', '.join(names)}"


def _get_query(page: Page, prefix: str) -> dict[str, list[str]]:
    """Return the query of the first URL in `page.visited` that begins with `prefix`."""
    return next((parse_qs(urlsplit(url).query) for url in page.visited if url.startswith(prefix)), {})


def _describe_challenge(query: dict[str, list[str]]) -> str:
    return query.get("code_challenge_method", ["no challenge"])[0] if query.get("code_challenge") else "no challenge"


def _describe_parameter(query: dict[str, list[str]], name: str) -> str:
    return name if query.get(name) else f"no {name}"
