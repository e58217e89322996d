"""Steps: the API with valid tokens and without a token."""

from .. import api, hosted_ui
from ..context import Context
from ..step import step


@step("An API request without a token", expected="401 not_authenticated, WWW-Authenticate: Bearer")
def anonymous_request(context: Context) -> str:
    """Send no token: the challenge has no error, because there is no invalid token."""
    response = api.list_notes(context, "")
    return f"{api.summarize(response)}, WWW-Authenticate: {response.headers.get('WWW-Authenticate')}"


@step(
    "Alice, an editor, creates a note with her access token",
    expected="201; her note is in the list, its author is alice",
)
def editor_request(context: Context) -> str:
    """Create a note and read it."""
    token, title = hosted_ui.fetch_tokens(context, context.users["alice"])["access_token"], "A heron, by API"
    response = api.create_note(context, token, title)
    notes = api.list_notes(context, token).json()["results"]
    authors = [note["author"] for note in notes if note["title"] == title]
    return f"{api.summarize(response)}; her note is in the list, its author is {', '.join(authors)}"


@step(
    "Bob, a viewer, reads notes and may not create one",
    expected="200 for reading; 403 permission_required for creating",
)
def viewer_request(context: Context) -> str:
    """Send a valid token of a user without the permission."""
    token = hosted_ui.fetch_tokens(context, context.users["bob"])["access_token"]
    read_result, create_result = (
        api.summarize(request(context, token)) for request in (api.list_notes, api.create_note)
    )
    return f"{read_result} for reading; {create_result} for creating"
