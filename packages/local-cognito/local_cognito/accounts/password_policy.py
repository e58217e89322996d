"""The password policy of a user pool. No I/O.

Source: AWS API reference, PasswordPolicyType; AWS developer guide, "Adding user pool password requirements".
"""

import re
import secrets
import string
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ServiceError

_MOST_CHARACTERS = 256
_GENERATED_CHARACTERS = 16
_SYMBOLS = "^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- "
# For each kind of character: the policy's key, the check, the words of Cognito's error, the words of the forms.
_KINDS: tuple[tuple[str, Callable[[str], bool], str, str], ...] = (
    ("RequireLowercase", lambda text: bool(re.search("[a-z]", text)), "lowercase characters", "a lower-case letter"),
    ("RequireUppercase", lambda text: bool(re.search("[A-Z]", text)), "uppercase characters", "an upper-case letter"),
    ("RequireNumbers", lambda text: bool(re.search("[0-9]", text)), "numeric characters", "a digit"),
    (
        "RequireSymbols",
        lambda text: any(character in _SYMBOLS for character in text.strip()),
        "symbol characters",
        "a symbol",
    ),
)


def require_conforming(config: Mapping[str, Any], password: str) -> None:
    """Raise ServiceError if the password does not conform to the policy of this configuration."""
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


def generate_password(config: Mapping[str, Any]) -> str:
    """Return a random password that conforms to the policy of this configuration."""
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "!@#%&")
    rest = max(_least(_policy(config)), _GENERATED_CHARACTERS) - len(kinds)
    letters = [secrets.choice(kind) for kind in kinds]
    return "".join(letters + [secrets.choice(string.ascii_letters + string.digits) for _ in range(rest)])


def describe_policy(config: Mapping[str, Any]) -> str:
    """Return the password policy of this configuration as a sentence for the forms."""
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


def _refused(problem: str) -> ServiceError:
    return ServiceError(
        "InvalidPasswordException", f"Password did not conform with policy: {problem}", fields=["password"]
    )
