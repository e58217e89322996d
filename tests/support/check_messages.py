"""The messages of this package's system checks, without Django's own checks."""

from typing import Any

from django.core.checks import CheckMessage

from django_cognito.checks import check_deployment, check_settings


def find_messages(number: str, *, deploy: bool = False) -> list[CheckMessage]:
    """Return the messages with the id `django_cognito.<number>`."""
    return [message for message in _run(deploy) if message.id == f"django_cognito.{number}"]


def find_check_ids(*, deploy: bool = False) -> list[str]:
    """Return the ids of all messages, such as "E001"."""
    return [str(message.id).removeprefix("django_cognito.") for message in _run(deploy)]


def text_of(message: CheckMessage) -> str:
    """Return the message and its hint."""
    return f"{message.msg} {message.hint or ''}"


def change_cognito(settings: Any, **changes: Any) -> None:
    """Change keys of COGNITO for a test."""
    settings.COGNITO = {**settings.COGNITO, **changes}


def _run(deploy: bool) -> list[CheckMessage]:
    return [*check_settings(None), *(check_deployment(None) if deploy else [])]
