"""Steps: a machine-to-machine client with its own token, without a user (RFC 6749 4.4)."""

import requests

from .. import api
from ..browser import TIMEOUT_SECONDS
from ..context import Context
from ..step import step


@step(
    "A machine-to-machine client has the permissions of its scope and no Django user",
    expected="reading: 200; creating: 403 permission_required; files: 403 person_required; number of users: unchanged",
)
def scope(context: Context) -> str:
    """Use a token of the grant client_credentials with the scope fieldnotes/read."""
    count_before, token = context.count_users(), _fetch_token(context)
    read_result, create_result, files_result = (
        api.summarize(request(context, token)) for request in (api.list_notes, api.create_note, api.list_files)
    )
    users = "unchanged" if context.count_users() == count_before else "changed"
    return f"reading: {read_result}; creating: {create_result}; files: {files_result}; number of users: {users}"


def _fetch_token(context: Context) -> str:
    form = {"grant_type": "client_credentials", "scope": "fieldnotes/read"}
    credentials = (context.machine_client.id, context.machine_client_secret)
    url = f"{context.cognito}/oauth2/token"
    response = requests.post(url, data=form, auth=credentials, timeout=TIMEOUT_SECONDS)
    response.raise_for_status()
    return str(response.json()["access_token"])
