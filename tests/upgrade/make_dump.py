"""Write `<engine>.sql` of this directory with the code of an older commit. README.md has the commands.

Run with that commit's checkout first on the path. The tests import names of this module, so it imports nothing of
Django or of this package at import time.
"""

import os
import sqlite3
import subprocess
import time
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).parent
COGNITO = {
    "USER_POOL_ID": "eu-west-1_TestPool1",
    "CLIENT_ID": "1testclient23456789",
    "DOMAIN": "login.example.com",
    "GROUPS": {
        "editors": {"groups": ["Editors"], "permissions": ["auth.change_group"]},
        "admins": {"permissions": ["auth.view_group"], "staff": True},
    },
}
# The signed-in users, by username, and the Cognito groups in their tokens. Their differences: paula: none; stan: staff
# status by a group; edith: two links; hank: staff status set in Django; rita: her tokens expired soon after the dump.
GROUPS: dict[str, list[str]] = {
    "paula": [],
    "stan": ["admins"],
    "edith": ["editors"],
    "hank": ["editors"],
    "rita": ["editors"],
}
FEDERATED = "Corporate_edith"  # edith's second link, in the group admins
FAR_AHEAD = datetime(2100, 1, 1, tzinfo=UTC)


def session_key(username: str) -> str:
    """Return the key of the user's session: the value of their session cookie."""
    return username.ljust(32, "0")


def signing_key() -> Any:
    """Return the private key of all tokens in the dump. It is for tests only."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key((DIRECTORY / "signing_key.pem").read_bytes(), None)


def main() -> None:
    """Create a database with the older code, fill it, and write its dump."""
    import django
    from django.conf import settings

    settings.COGNITO = COGNITO
    django.setup()
    from django.db import connection

    connection.creation.create_test_db(verbosity=0, serialize=False)
    try:
        _fill()
        lines = _postgresql_lines() if connection.vendor == "postgresql" else _sqlite_lines()
        (DIRECTORY / f"{connection.vendor}.sql").write_text("\n".join(lines) + "\n", encoding="utf-8")
    finally:
        connection.creation.destroy_test_db(settings.DATABASES["default"]["NAME"], verbosity=0)


def _fill() -> None:
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Group

    from django_cognito.testing import keys, tokens, trusted_keys

    key = signing_key()
    keys.signing_key = tokens.signing_key = lambda: key
    with trusted_keys():
        for username in GROUPS:
            _sign_in(username)
        _link_a_second_account(get_user_model().objects.get(username="edith"))
    hank = get_user_model().objects.get(username="hank")
    hank.is_staff = True
    hank.save()
    hank.groups.add(Group.objects.create(name="Given by hand"))


def _sign_in(username: str) -> None:
    from django.contrib.sessions.models import Session
    from django.test import Client

    from django_cognito.testing import sign_in

    client, now = Client(), int(time.time())
    expires_at = now + 30 if username == "rita" else int(FAR_AHEAD.timestamp())
    times = {"iat": now, "auth_time": now, "exp": expires_at}
    sign_in(client, username, groups=GROUPS[username], refresh_token=f"refresh-token-of-{username}", **times)
    session = Session.objects.filter(pk=client.cookies["sessionid"].value)
    session.update(session_key=session_key(username), expire_date=FAR_AHEAD)


def _link_a_second_account(user: Any) -> None:
    from django_cognito.testing import make_token
    from django_cognito.users.authentication import verify
    from django_cognito.users.linking import link

    raw = make_token(username=FEDERATED, groups=["admins"])
    token, _ = verify(raw, token_use="access")
    link(user, token, None)


def _sqlite_lines() -> Iterable[str]:
    from django.db import connection

    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as database:
        return list(database.iterdump())


def _postgresql_lines() -> Iterable[str]:
    from django.db import connection

    options = connection.settings_dict
    command = ["pg_dump", "--inserts", "--no-owner", "--no-privileges", "--no-comments"]
    connection_options = ["-h", options["HOST"], "-p", options["PORT"], "-U", options["USER"], options["NAME"]]
    dump = subprocess.run(
        [*command, *connection_options], capture_output=True, text=True, check=True, env=os.environ
    ).stdout
    # Leave out comments, session settings and psql commands: they differ between versions.
    lines = (line for line in dump.splitlines() if line and not line.startswith(("--", "SET ", "\\")))
    return (line for line in lines if "set_config('search_path'" not in line)


if __name__ == "__main__":
    main()
