"""The destinations of codes, and how they are masked."""

import pytest
from local_cognito.errors import ServiceError
from local_cognito.self_service.destinations import (
    Destination,
    recovery_destination,
    sign_up_destination,
    simulated_destination,
)

BOTH = {"email": "a@example.com", "phone_number": "+12065550100"}
VERIFIED = {**BOTH, "email_verified": "true", "phone_number_verified": "true"}
KEY = b"k" * 32


def setting(*names: str) -> dict[str, object]:
    mechanisms = [{"Priority": number, "Name": name} for number, name in enumerate(names, 1)]
    return {"AccountRecoverySetting": {"RecoveryMechanisms": mechanisms[::-1]}}


@pytest.mark.parametrize(
    ("verified", "attributes", "expected"),
    [
        (["email"], BOTH, "email"),
        (["email", "phone_number"], BOTH, "phone_number"),
        (["email", "phone_number"], {"email": "a@example.com"}, "email"),
        (["phone_number"], {"email": "a@example.com"}, None),
        ([], BOTH, None),
    ],
)
def test_sign_up_code_goes_to_the_attribute_the_pool_verifies(
    verified: list[str], attributes: dict[str, str], expected: str | None
) -> None:
    destination = sign_up_destination({"AutoVerifiedAttributes": verified}, attributes)
    assert (destination.attribute if destination else None) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, "phone_number"),
        (setting("verified_email", "verified_phone_number"), "email"),
        (setting("verified_phone_number", "verified_email"), "phone_number"),
        (setting("verified_email", "admin_only"), "email"),
    ],
)
def test_recovery_code_goes_to_the_first_mechanism(config: dict[str, object], expected: str) -> None:
    assert recovery_destination(config, VERIFIED).attribute == expected


def test_unverified_email_gets_no_recovery_code() -> None:
    with pytest.raises(ServiceError, match="no registered/verified email or phone_number"):
        recovery_destination({}, {**BOTH, "email_verified": "false"})


def test_admin_only_recovery_sends_no_code() -> None:
    with pytest.raises(ServiceError, match="Contact administrator to reset password"):
        recovery_destination(setting("admin_only"), VERIFIED)


@pytest.mark.parametrize(
    ("config", "name", "medium"),
    [
        ({}, "nobody", "EMAIL"),
        ({"AutoVerifiedAttributes": ["phone_number"]}, "nobody", "SMS"),
        ({}, "+12065550199", "SMS"),
        ({"AutoVerifiedAttributes": ["phone_number"]}, "nobody@example.com", "EMAIL"),
    ],
)
def test_simulated_destination_looks_real_and_is_stable(config: dict[str, object], name: str, medium: str) -> None:
    destination = simulated_destination(config, name, KEY)
    assert destination.medium == medium
    assert destination == simulated_destination(config, name, KEY)


def test_destination_is_masked() -> None:
    assert Destination("email", "alice@example.com").masked == "a***@e***"
    assert Destination("phone_number", "+12065550100").masked == "+*******0100"
    assert simulated_destination({}, "nobody@example.com", KEY).masked == "n***@e***"
    assert len(simulated_destination({}, "nobody", KEY).masked) == len("a***@e***")
