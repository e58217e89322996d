"""The mailbox: every code that was sent, with who it is for. A page of the local Cognito's own; AWS has none."""

from datetime import UTC, datetime

from flask import Blueprint, Response

from ..self_service.mailbox import Mailbox
from .page import page


def add_mailbox(blueprint: Blueprint, mailbox: Mailbox) -> None:
    """Give `blueprint` the page."""

    def show() -> Response:
        entries = [(message, _moment(message.sent_at)) for message in mailbox.messages()]
        return page("mailbox.html", entries=entries)

    blueprint.add_url_rule("/mailbox", endpoint="mailbox", view_func=show)


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
