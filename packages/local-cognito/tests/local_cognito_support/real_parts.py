"""Programs that some tests run, and whether they are installed."""

import os
import shutil
from collections.abc import Callable
from functools import cache

# The headless shell is Chromium without its own windows; the tests take half the CPU time in it.
_CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# The reason for a skip. Containers often have no right to create a network namespace.
NO_NETWORK_NAMESPACES = "this machine cannot create network namespaces"


def chromium_path() -> str | None:
    """Return the path of the installed Chromium; tests do not download a browser."""
    return next(filter(None, map(shutil.which, _CHROMIUM)), None)


PROBES: dict[str, Callable[[], bool]] = {
    "chromium": lambda: chromium_path() is not None,
    "npm": lambda: shutil.which("node") is not None and shutil.which("npm") is not None,
}


@cache
def is_missing(part: str) -> bool:
    """Return whether `part` is not installed. Raises KeyError for an unknown part."""
    return not PROBES[part]()


def is_ci() -> bool:
    """Return whether a missing part is a failure."""
    return os.environ.get("CI", "").lower() == "true"
