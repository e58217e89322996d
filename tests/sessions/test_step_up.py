"""The rule of step-up authentication, without requests."""

from typing import Any

import pytest

from django_cognito.core import AccessToken, ClientToken, IdToken
from django_cognito.sessions.step_up import MFA_ACR_VALUES, SignInRequirement, require_mfa, require_recent_sign_in

NOW = 1_000_000
LEEWAY_SECONDS = 10
LEVEL_3, LEVEL_4 = "urn:cognito:loa:3", "urn:cognito:loa:4"


def access_token(**claims: Any) -> AccessToken:
    return AccessToken("eu-west-1_A", {"sub": "a", **claims})


def problem_of(requirement: SignInRequirement, token: Any, id_token: Any = None) -> str:
    return requirement.find_problem(token, id_token, now=NOW, leeway_seconds=LEEWAY_SECONDS)


@pytest.mark.parametrize(
    ("seconds_ago", "problem"), [(0, ""), (300, ""), (310, ""), (311, "sign_in_too_old"), (-5, "")]
)
def test_sign_in_is_recent_up_to_its_age_and_the_leeway(seconds_ago: int, problem: str) -> None:
    assert problem_of(require_recent_sign_in(300), access_token(auth_time=NOW - seconds_ago)) == problem


@pytest.mark.parametrize("token", [None, access_token(), access_token(iat=NOW)], ids=["local", "no claims", "iat"])
def test_unknown_moment_of_the_sign_in_is_too_old(token: Any) -> None:
    assert problem_of(require_recent_sign_in(300), token) == "sign_in_too_old"


@pytest.mark.parametrize("requirement", [require_recent_sign_in(300), require_mfa(MFA_ACR_VALUES)])
def test_machine_to_machine_client_has_no_user_to_sign_in(requirement: SignInRequirement) -> None:
    token = ClientToken("eu-west-1_A", {"sub": "a", "client_id": "a", "auth_time": NOW, "acr": LEVEL_4})
    assert problem_of(requirement, token) == "user_required"


@pytest.mark.parametrize(
    ("claims", "problem"),
    [
        ({"acr": LEVEL_4}, ""),
        ({"acr": LEVEL_3}, ""),
        ({"amr": ["pwd", "sms", "mfa"]}, ""),
        ({"acr": "gold", "amr": ["pwd", "otp", "mfa"]}, ""),
        ({"acr": "urn:cognito:loa:1", "amr": ["pwd"]}, "mfa_missing"),
        ({"acr": "urn:cognito:loa:2", "amr": ["sms"]}, "mfa_missing"),
        ({"amr": "mfa"}, "mfa_missing"),
        ({"amr": {"mfa": True}}, "mfa_missing"),
        ({"acr": [LEVEL_4]}, "mfa_missing"),
        ({"acr": None}, "mfa_missing"),
        ({}, "mfa_missing"),
    ],
)
def test_mfa_is_level_3_or_4_or_mfa_in_amr(claims: Any, problem: str) -> None:
    requirement = require_mfa(MFA_ACR_VALUES)
    assert problem_of(requirement, access_token(), IdToken("eu-west-1_A", claims)) == problem
    assert problem_of(requirement, access_token(**claims)) == problem


@pytest.mark.parametrize(("earlier", "problem"), [(0, ""), (1, "mfa_missing")])
def test_mfa_of_an_earlier_sign_in_is_missing(earlier: int, problem: str) -> None:
    token = access_token(auth_time=NOW)
    id_token = IdToken("eu-west-1_A", {"acr": LEVEL_4, "auth_time": NOW - earlier})
    assert problem_of(require_mfa(MFA_ACR_VALUES, 300), token, id_token) == problem


def test_mfa_without_a_token_is_missing() -> None:
    assert problem_of(require_mfa(MFA_ACR_VALUES), None) == "mfa_missing"


@pytest.mark.parametrize(("acr", "problem"), [(LEVEL_4, ""), (LEVEL_3, "mfa_missing")])
def test_named_level_is_not_replaced_by_amr(acr: str, problem: str) -> None:
    token = access_token(acr=acr, amr=["pwd", "sms", "mfa"])
    assert problem_of(require_mfa([LEVEL_4]), token) == problem


@pytest.mark.parametrize("seconds", [0, -1, 10**9])
def test_seconds_out_of_range_are_rejected(seconds: int) -> None:
    with pytest.raises(ValueError, match="give 1 to"):
        require_recent_sign_in(seconds)


@pytest.mark.parametrize("seconds", [None, 1.5, "300", True, len])
def test_seconds_of_another_type_are_rejected(seconds: Any) -> None:
    with pytest.raises(TypeError, match="as an integer"):
        require_recent_sign_in(seconds)


@pytest.mark.parametrize("acr_values", [LEVEL_4, [], [None], ()])
def test_acr_values_that_are_no_names_are_rejected(acr_values: Any) -> None:
    with pytest.raises(TypeError, match="list of at least one"):
        require_mfa(acr_values)


@pytest.mark.parametrize("acr_value", ["", "a b", 'a"', "a\\", "a\nb", "ä", "a" * 65])
def test_acr_value_that_cognito_does_not_allow_is_rejected(acr_value: str) -> None:
    with pytest.raises(ValueError, match="1 to 64 characters"):
        require_mfa([LEVEL_4, acr_value])


@pytest.mark.parametrize(
    ("requirement", "params"),
    [
        (SignInRequirement(), {}),
        (SignInRequirement(0), {"max_age": "0"}),
        (SignInRequirement(300, (LEVEL_4, LEVEL_3)), {"max_age": "300", "acr_values": f"{LEVEL_4} {LEVEL_3}"}),
    ],
)
def test_requirement_is_read_from_its_own_parameters(requirement: SignInRequirement, params: dict[str, str]) -> None:
    assert (requirement.params, SignInRequirement.from_params(params)) == (params, requirement)
