"""Name the browser and the device of a `User-Agent` header. Must not depend on anything. No I/O.

Only families: browsers no longer send exact versions and models (User-Agent Reduction), and a login is recognised by
its family, time and IP address. A table of our own needs no data that must be updated.
"""

import re
from collections.abc import Sequence

MAX_CHARS = 255
# The first match counts. Other browsers contain "Chrome" or "Safari", and Chrome contains "Safari", for compatibility.
_BROWSERS: Sequence[tuple[str, str]] = (
    (r"\b(?:Edg|EdgA|EdgiOS|Edge)/", "Microsoft Edge"),
    (r"\b(?:OPR|OPT|Opera)/", "Opera"),
    (r"\bSamsungBrowser/", "Samsung Internet"),
    (r"\bVivaldi/", "Vivaldi"),
    (r"\bYaBrowser/", "Yandex Browser"),
    (r"\b(?:Firefox|FxiOS)/", "Firefox"),
    (r"\b(?:Chrome|HeadlessChrome|CriOS)/", "Chrome"),
    (r"\bVersion/.*\bSafari/", "Safari"),
)
# iPads and Android devices also name macOS or Linux.
_DEVICES: Sequence[tuple[str, str]] = (
    (r"\biPhone\b", "iPhone"),
    (r"\biPad\b", "iPad"),
    (r"\bAndroid\b", "Android"),
    (r"\bWindows\b", "Windows"),
    (r"\bCrOS\b", "ChromeOS"),
    (r"\bMac(?:intosh| OS X)\b", "Mac"),
    (r"\b(?:Linux|X11)\b", "Linux"),
)


def clean_user_agent(header: str) -> str:
    """Return the header as a row stores it: at most 255 characters, without control characters."""
    return "".join(character for character in header if character.isprintable())[:MAX_CHARS]


def find_browser(user_agent: str) -> str:
    """Return the family of the browser, for example "Firefox"; empty if it is not in the table."""
    return _find_name(_BROWSERS, user_agent)


def find_device(user_agent: str) -> str:
    """Return the device or its operating system, for example "iPhone"; empty if it is not in the table."""
    return _find_name(_DEVICES, user_agent)


def _find_name(table: Sequence[tuple[str, str]], user_agent: str) -> str:
    return next((name for pattern, name in table if re.search(pattern, user_agent[:MAX_CHARS])), "")
