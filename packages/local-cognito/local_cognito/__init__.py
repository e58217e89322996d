"""A local Amazon Cognito for development and tests. Importing this package starts nothing and loads no web server."""

from typing import TYPE_CHECKING, Any

from .accounts.keys import sign
from .seeds.values import SeedError

if TYPE_CHECKING:
    from .emulator import Emulator

__all__ = ["Emulator", "SeedError", "sign"]


def __getattr__(name: str) -> Any:
    """Return the class `Emulator`, imported at its first use: it needs moto and Flask (0.5 s)."""
    if name == "Emulator":
        from .emulator import Emulator

        return Emulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
