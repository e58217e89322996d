"""Steps: a program with a token of its own, without a user (RFC 6749 4.4)."""

import requests

from .. import api
from ..browser import TIMEOUT_SECONDS
from ..step import step
from ..world import World


@step(
    "A program reads by its scope, writes nothing, has no files and becomes no user",
    expected="200 to read; 403 permission_required to write; 403 person_required for files; as many users as before",
)
def reads_by_scope(world: World) -> str:
    """By client_credentials, with the scope fieldnotes/read."""
    before, token = world.count_users(), _token(world)
    read, written, files = (api.told(ask(world, token)) for ask in (api.read, api.write, api.files))
    users = "as many users as before" if world.count_users() == before else "another number of users"
    return f"{read} to read; {written} to write; {files} for files; {users}"


def _token(world: World) -> str:
    form = {"grant_type": "client_credentials", "scope": "fieldnotes/read"}
    key = (world.program.id, world.program_secret)
    answer = requests.post(f"{world.cognito}/oauth2/token", data=form, auth=key, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    return str(answer.json()["access_token"])
