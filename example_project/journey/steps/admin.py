"""Steps: Django's admin with Cognito sign-in."""

from .. import hosted_ui
from ..browser import Browser
from ..step import step
from ..world import World

NOTES = "/admin/notes/note/"


@step("Carol, in admins, enters the Django admin", expected="200, the notes to change")
def admin_enters(world: World) -> str:
    """Staff, and the permissions that the group gives."""
    page = hosted_ui.sign_in(Browser(), world, world.people["carol"], to=NOTES)
    is_there = page.url.startswith(world.site + NOTES) and "Select note to change" in page.text
    return f"{page.status}, {'the notes to change' if is_there else page.url.partition('?')[0]}"


@step("Alice, in editors, does not", expected="403")
def editor_does_not(world: World) -> str:
    """She has signed in; doing so again would not help."""
    return str(hosted_ui.sign_in(Browser(), world, world.people["alice"], to=NOTES).status)
