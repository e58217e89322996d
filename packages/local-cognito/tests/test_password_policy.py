"""The password policy of a pool."""

from typing import Any

import pytest
from local_cognito.accounts.password_policy import describe_policy, require_conforming
from local_cognito.errors import ServiceError

LAX = {"Policies": {"PasswordPolicy": {"MinimumLength": 6}}}
STRICT = {
    "Policies": {
        "PasswordPolicy": dict.fromkeys(
            ("RequireLowercase", "RequireUppercase", "RequireNumbers", "RequireSymbols"), True
        )
    }
}


@pytest.mark.parametrize("password", ["Correct-horse-7", "aA1 aA1aA", "x" * 250 + "A1-"])
def test_conforming_password_is_accepted(password: str) -> None:
    require_conforming(STRICT, password)


def test_lax_policy_accepts_a_simple_password() -> None:
    require_conforming(LAX, "simple")


@pytest.mark.parametrize(
    ("config", "password", "problem"),
    [
        (LAX, "short", "Password not long enough"),
        ({}, "seven77", "Password not long enough"),
        (LAX, "x" * 257, "Password too long"),
        (LAX, " leading", "Password must not begin or end with a space"),
        (LAX, "trailing ", "Password must not begin or end with a space"),
    ],
)
def test_password_error_names_the_violated_rule(config: dict[str, Any], password: str, problem: str) -> None:
    with pytest.raises(ServiceError, match=f"Password did not conform with policy: {problem}"):
        require_conforming(config, password)


@pytest.mark.parametrize(
    ("policy", "description"),
    [
        ({}, "At least 8 characters."),
        ({"MinimumLength": 6, "RequireNumbers": True}, "At least 6 characters, among them a digit."),
        (
            STRICT["Policies"]["PasswordPolicy"],
            "At least 8 characters, among them a lower-case letter, an upper-case letter, a digit and a symbol.",
        ),
    ],
)
def test_password_policy_is_described(policy: dict[str, Any], description: str) -> None:
    assert describe_policy({"Policies": {"PasswordPolicy": policy}}) == description
