"""Previous secrets of app clients that are still valid. Does not depend on HTTP or moto.

Source: AWS developer guide, "App client secret rotation": a client may have two valid secrets.
"""

import re
import time
from collections import defaultdict
from collections.abc import Callable

# AWS API reference: ClientSecretType.
SECRET_PATTERN = re.compile(r"[\w+]{24,64}", re.ASCII)
LONGEST_SECONDS = 2_592_000  # 30 days, longer than any emulator runs


class FormerSecrets:
    """The previous secrets of all app clients, each with its own expiry. Not thread-safe: the caller locks.

    Expiry is in real time (`time.monotonic`), because clients that read a new secret wait in real time.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._valid_until: defaultdict[str, dict[str, float]] = defaultdict(dict)

    def add(self, client_id: str, secret: str, seconds: float) -> None:
        """Make `secret` valid for `seconds` from now; with 0 it is invalid at once."""
        self._valid_until[client_id][secret] = self._monotonic() + seconds

    def of(self, client_id: str) -> tuple[str, ...]:
        """Return the previous secrets of the client that are still valid."""
        now = self._monotonic()
        valid = {secret: end for secret, end in self._valid_until.pop(client_id, {}).items() if end > now}
        if valid:
            self._valid_until[client_id] = valid
        return tuple(valid)
