"""Steps: the API, with tokens that are good."""

from .. import api, hosted_ui
from ..step import step
from ..world import World


@step("The API without a token", expected="401, WWW-Authenticate: Bearer")
def anonymous_request(world: World) -> str:
    """An anonymous request: there is no token that could be invalid."""
    answer = api.read(world, "")
    return f"{api.told(answer)}, WWW-Authenticate: {answer.headers.get('WWW-Authenticate')}"


@step("Alice, an editor, writes by API with her access token", expected="201; her note is in the list, by alice")
def editor_writes(world: World) -> str:
    """A write is there afterwards."""
    token, title = hosted_ui.tokens(world, world.people["alice"])["access_token"], "A heron, by API"
    written = api.write(world, token, title)
    authors = [note["author"] for note in api.read(world, token).json()["results"] if note["title"] == title]
    return f"{api.told(written)}; her note is in the list, by {', '.join(authors)}"


@step("Bob, a viewer, reads and may not write", expected="200 to read; 403 permission_required to write")
def viewer_reads_only(world: World) -> str:
    """Refused for want of a right, not of a token."""
    token = hosted_ui.tokens(world, world.people["bob"])["access_token"]
    return f"{api.told(api.read(world, token))} to read; {api.told(api.write(world, token))} to write"
