"""How well somebody is known who signs in: the factors, the level that they reach, and the level's name. Pure.

Source: AWS developer guide, "Step-up authentication with ACR values".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_NAMES = {level: f"urn:cognito:loa:{level}" for level in (1, 2, 3, 4)}


@dataclass(frozen=True)
class Assurance:
    """What a sign-in has proved: its level, 1 to 4, and `amr`, the factors in the words of the tokens."""

    level: int
    amr: tuple[str, ...]


PASSWORD = Assurance(1, ("pwd",))
PASSWORD_AND_TOTP = Assurance(4, ("pwd", "otp", "mfa"))
# What the provider has asked for is its own affair.
FEDERATED = Assurance(1, ("fed",))


def level_names(config: Mapping[str, Any]) -> Mapping[int, str]:
    """What a pool of this configuration calls the levels; empty in the tier Lite, which has none."""
    if config.get("UserPoolTier") == "LITE":
        return {}
    own = config.get("AcrConfiguration") or {}
    return {level: (own.get(f"Level{level}") or {}).get("AcrValue") or name for level, name in _NAMES.items()}


def least_level(config: Mapping[str, Any], acr_values: Iterable[str]) -> int:
    """The lowest level that will do for who asks for `acr_values`; 0 where none of these is known, or in Lite."""
    asked = frozenset(acr_values)
    return min((level for level, name in level_names(config).items() if name in asked), default=0)
