"""The mailbox: every code that was sent, with who it is for. A page of the local Cognito's own; AWS has none.

It is for programs on this machine: a name that somebody else's DNS leads here by is turned away, so that no web site
can read it through the browser.
"""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, request

from ..self_service.mailbox import Mailbox
from .page import page

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def add_mailbox(blueprint: Blueprint, mailbox: Mailbox) -> None:
    """Give `blueprint` the page."""

    def show() -> Response:
        if urlsplit(f"//{request.host}").hostname not in _LOOPBACK_NAMES:
            abort(403)
        entries = [(message, _moment(message.sent_at)) for message in mailbox.messages()]
        return page("mailbox.html", entries=entries)

    blueprint.add_url_rule("/mailbox", endpoint="mailbox", view_func=show)


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
