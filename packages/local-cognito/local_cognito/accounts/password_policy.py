"""What a pool asks of passwords, as its PasswordPolicy says. Pure; knows no person.

Source: AWS API reference, PasswordPolicyType; AWS developer guide, "Adding user pool password requirements".
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ..refusals import Refused

_MOST_CHARACTERS = 256
_SYMBOLS = "^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- "
# The policy's key, whether a password has what it asks for, Cognito's words where not, and those for people before.
_KINDS: tuple[tuple[str, Callable[[str], bool], str, str], ...] = (
    ("RequireLowercase", lambda text: bool(re.search("[a-z]", text)), "lowercase characters", "a lower-case letter"),
    ("RequireUppercase", lambda text: bool(re.search("[A-Z]", text)), "uppercase characters", "an upper-case letter"),
    ("RequireNumbers", lambda text: bool(re.search("[0-9]", text)), "numeric characters", "a digit"),
    ("RequireSymbols", lambda text: any(each in _SYMBOLS for each in text.strip()), "symbol characters", "a symbol"),
)


def require_conforming(config: Mapping[str, Any], password: str) -> None:
    """Nothing, if the password is one that a pool of this configuration takes. Raises Refused."""
    policy = _policy(config)
    if len(password) < _least(policy):
        raise _refused("Password not long enough")
    if len(password) > _MOST_CHARACTERS:
        raise _refused("Password too long")
    if password != password.strip():
        raise _refused("Password must not begin or end with a space")
    for key, has_it, words, _ in _KINDS:
        if policy.get(key) and not has_it(password):
            raise _refused(f"Password must have {words}")


def in_words(config: Mapping[str, Any]) -> str:
    """What a pool of this configuration asks for, for people who are about to choose."""
    policy = _policy(config)
    kinds = [words for key, _, _, words in _KINDS if policy.get(key)]
    least = f"At least {_least(policy)} characters"
    if not kinds:
        return f"{least}."
    listed = " and ".join([", ".join(kinds[:-1]), kinds[-1]] if len(kinds) > 1 else kinds)
    return f"{least}, among them {listed}."


def _policy(config: Mapping[str, Any]) -> Mapping[str, Any]:
    policy: Mapping[str, Any] = (config.get("Policies") or {}).get("PasswordPolicy") or {}
    return policy


def _least(policy: Mapping[str, Any]) -> int:
    return int(policy.get("MinimumLength") or 8)


def _refused(problem: str) -> Refused:
    return Refused("InvalidPasswordException", f"Password did not conform with policy: {problem}")
