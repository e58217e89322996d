"""The assurance level of a sign-in: its factors, the level that they reach and the level's `acr` value. No I/O.

Source: AWS developer guide, "Step-up authentication with ACR values".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_NAMES = {level: f"urn:cognito:loa:{level}" for level in (1, 2, 3, 4)}


@dataclass(frozen=True)
class Assurance:
    """The level of a sign-in (1 to 4) and its factors, as the claim `amr` names them."""

    level: int
    amr: tuple[str, ...]


PASSWORD = Assurance(1, ("pwd",))
PASSWORD_AND_TOTP = Assurance(4, ("pwd", "otp", "mfa"))
# The lowest level: the factors that the provider checked are not considered.
FEDERATED = Assurance(1, ("fed",))


def level_names(config: Mapping[str, Any]) -> Mapping[int, str]:
    """Return the `acr` value of each level for a pool with this configuration; empty in the tier Lite."""
    if config.get("UserPoolTier") == "LITE":
        return {}
    own = config.get("AcrConfiguration") or {}
    return {level: (own.get(f"Level{level}") or {}).get("AcrValue") or name for level, name in _NAMES.items()}


def required_level(config: Mapping[str, Any], acr_values: Iterable[str]) -> int:
    """Return the lowest level that satisfies `acr_values`; 0 if none of them is configured, or in the tier Lite."""
    requested = frozenset(acr_values)
    return min((level for level, name in level_names(config).items() if name in requested), default=0)
