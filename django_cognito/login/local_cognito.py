"""Report that the local Cognito does not run, before the browser is redirected to it. Only with DEBUG."""

import socket
from urllib.parse import urlsplit

from django.conf import settings as django_settings

from ..conf.schema import CognitoSettings
from ..core.errors import CognitoUnavailableError
from ..core.user_pool import is_loopback

_TIMEOUT_SECONDS = 1.0  # a closed port of this machine refuses at once


def require_local_cognito(settings: CognitoSettings) -> None:
    """Connect to a loopback DOMAIN, and close the connection. No I/O without DEBUG, or for another DOMAIN.

    Raises CognitoUnavailableError with the command that starts the local Cognito if nothing listens there.
    """
    domain = settings.user_pool.domain
    if not django_settings.DEBUG or not domain or not is_loopback(domain):
        return
    parts = urlsplit(domain)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=_TIMEOUT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        message = f"nothing listens at {domain} ({reason}); start the local Cognito: python manage.py local_cognito"
        raise CognitoUnavailableError(message) from error
