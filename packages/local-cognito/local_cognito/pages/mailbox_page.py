"""The mailbox page, which shows every code with its recipient. AWS has no such page."""

from flask import Blueprint, Response

from ..self_service.mailbox import Mailbox
from .page import format_time, render_page


def add_mailbox(blueprint: Blueprint, mailbox: Mailbox) -> None:
    """Add the mailbox page to `blueprint`."""

    def show() -> Response:
        entries = [(message, format_time(message.sent_at)) for message in mailbox.messages()]
        return render_page("mailbox.html", entries=entries)

    blueprint.add_url_rule("/mailbox", endpoint="mailbox", view_func=show)
