"""A local Amazon Cognito for development and tests. Needs the extra `[emulator]`. Only exports names."""

from .accounts.keys import sign
from .emulator import Emulator
from .seeds.values import SeedError

__all__ = ["Emulator", "SeedError", "sign"]
