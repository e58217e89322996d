"""Requests to the API of the site."""

import datetime
import re

import requests

from .browser import TIMEOUT_SECONDS
from .context import Context


def list_notes(context: Context, token: str, *, site: str = "") -> requests.Response:
    """Request the notes."""
    return requests.get(f"{site or context.site}/api/notes/", headers=_headers(token), timeout=TIMEOUT_SECONDS)


def create_note(context: Context, token: str, title: str = "Written by the journey") -> requests.Response:
    """Create a note."""
    note = {"title": title, "body": "A note by API.", "observed_on": datetime.date.today().isoformat()}  # noqa: DTZ011
    return requests.post(f"{context.site}/api/notes/", json=note, headers=_headers(token), timeout=TIMEOUT_SECONDS)


def list_files(context: Context, token: str, *, id_token: str = "", site: str = "") -> requests.Response:
    """Request the files of the user. The site needs the ID token to get AWS credentials."""
    headers = _headers(token) | ({"X-Cognito-Id-Token": id_token} if id_token else {})
    return requests.get(f"{site or context.site}/api/files/", headers=headers, timeout=TIMEOUT_SECONDS)


def summarize(response: requests.Response) -> str:
    """Return the status of a response and, for an error, its code."""
    is_json = response.headers.get("Content-Type", "").startswith("application/json")
    code = response.json().get("code", "") if is_json else "(not JSON)"
    return f"{response.status_code} {code}".strip()


def describe_retry_after(response: requests.Response) -> str:
    """Return "with Retry-After" if the header is a number of seconds (RFC 9110 10.2.3), else its wrong value too."""
    value = response.headers.get("Retry-After", "")
    return "with Retry-After" if re.fullmatch(r"\d+", value) else f"with Retry-After {value!r}"


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}
