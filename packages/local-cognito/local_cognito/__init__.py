"""A Cognito on your own machine, for development and tests. Needs the extra `[emulator]`. Only hands names on."""

from .accounts.keys import sign
from .emulator import Emulator
from .seeds.values import SeedError

__all__ = ["Emulator", "SeedError", "sign"]
