"""A Cognito on your own machine, for development and tests. Needs the extra `[emulator]`. Only hands names on."""

from .emulator import Emulator
from .keys import sign
from .seed_values import SeedError

__all__ = ["Emulator", "SeedError", "sign"]
