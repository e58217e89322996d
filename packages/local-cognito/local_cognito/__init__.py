"""A local Amazon Cognito for development and tests. Importing this package starts nothing and loads no web server."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .accounts.keys import sign
    from .emulator import Emulator
    from .seeds.values import SeedError

__all__ = ["Emulator", "SeedError", "sign"]

# Imported at their first use: `Emulator` needs moto and Flask (0.5 s), and the command must run without dependencies to
# report the missing ones.
_MODULES = {"Emulator": ".emulator", "SeedError": ".seeds.values", "sign": ".accounts.keys"}


def __getattr__(name: str) -> Any:
    """Return a public name, imported at its first use."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
