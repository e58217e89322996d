"""The codes of a local Cognito, as a developer finds them."""

from local_cognito import Emulator
from local_cognito.self_service.mailbox import Mailbox


def latest(of: Emulator | Mailbox, username: str) -> str:
    """The code that was sent to somebody last."""
    mailbox = of if isinstance(of, Mailbox) else of.mailbox
    return next(message.code for message in mailbox.messages() if message.username == username)


def another(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 1_000_000:06}"
