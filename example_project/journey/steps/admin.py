"""Steps: the Django admin with Cognito sign-in."""

from .. import hosted_ui
from ..browser import Browser
from ..context import Context
from ..step import step

NOTES_PATH = "/admin/notes/note/"


@step("Carol, a member of admins, opens the Django admin", expected="200, the list of notes")
def admin_user(context: Context) -> str:
    """Check that the group sets is_staff and the permissions."""
    page = hosted_ui.sign_in(Browser(), context, context.users["carol"], path=NOTES_PATH)
    is_note_list = page.url.startswith(context.site + NOTES_PATH) and "Select note to change" in page.text
    return f"{page.status}, {'the list of notes' if is_note_list else page.url.partition('?')[0]}"


@step("Alice, a member of editors, may not open the Django admin", expected="403")
def editor_user(context: Context) -> str:
    """Check that an authenticated user without is_staff is not redirected to the sign-in again."""
    return str(hosted_ui.sign_in(Browser(), context, context.users["alice"], path=NOTES_PATH).status)
