"""The codes that a local Cognito has sent, read from its mailbox."""

from local_cognito import Emulator
from local_cognito.self_service.mailbox import Mailbox


def latest_code(source: Emulator | Mailbox, username: str) -> str:
    """Return the code that was sent to the user last."""
    mailbox = source if isinstance(source, Mailbox) else source.mailbox
    return next(message.code for message in mailbox.messages() if message.username == username)


def different_code(code: str) -> str:
    """Return a code other than `code`."""
    return f"{(int(code) + 1) % 1_000_000:06}"
