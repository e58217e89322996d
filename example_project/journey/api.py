"""The site's API as a client of it sees it."""

import datetime
import re

import requests

from .browser import TIMEOUT_SECONDS
from .world import World


def read(world: World, token: str, *, site: str = "") -> requests.Response:
    """Ask for the notes."""
    return requests.get(f"{site or world.site}/api/notes/", headers=_bearer(token), timeout=TIMEOUT_SECONDS)


def write(world: World, token: str, title: str = "Written by the journey") -> requests.Response:
    """Send a new note."""
    note = {"title": title, "body": "A note by API.", "observed_on": datetime.date.today().isoformat()}  # noqa: DTZ011
    return requests.post(f"{world.site}/api/notes/", json=note, headers=_bearer(token), timeout=TIMEOUT_SECONDS)


def files(world: World, token: str, *, id_token: str = "", site: str = "") -> requests.Response:
    """Ask for the caller's files; the ID token says to AWS who that is."""
    headers = _bearer(token) | ({"X-Cognito-Id-Token": id_token} if id_token else {})
    return requests.get(f"{site or world.site}/api/files/", headers=headers, timeout=TIMEOUT_SECONDS)


def told(answer: requests.Response) -> str:
    """An answer in short: its status, and the code of a refusal."""
    is_json = answer.headers.get("Content-Type", "").startswith("application/json")
    code = answer.json().get("code", "") if is_json else "(not JSON)"
    return f"{answer.status_code} {code}".strip()


def retry_after(answer: requests.Response) -> str:
    """Whether the answer says when to come again (RFC 9110 10.2.3)."""
    given = answer.headers.get("Retry-After", "")
    return "with Retry-After" if re.fullmatch(r"\d+", given) else f"with Retry-After {given!r}"


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}
