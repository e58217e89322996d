"""Where codes go, and how that is shown."""

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
def test_a_sign_up_is_verified_as_the_pool_says(
    verified: list[str], attributes: dict[str, str], expected: str | None
) -> None:
    found = sign_up_destination({"AutoVerifiedAttributes": verified}, attributes)
    assert (found.attribute if found else None) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, "phone_number"),
        (setting("verified_email", "verified_phone_number"), "email"),
        (setting("verified_phone_number", "verified_email"), "phone_number"),
        (setting("verified_email", "admin_only"), "email"),
    ],
)
def test_a_new_password_goes_by_the_first_way(config: dict[str, object], expected: str) -> None:
    assert recovery_destination(config, VERIFIED).attribute == expected


def test_an_address_that_is_not_verified_gets_no_code() -> None:
    with pytest.raises(ServiceError, match="no registered/verified email or phone_number"):
        recovery_destination({}, {**BOTH, "email_verified": "false"})


def test_an_administrator_may_be_the_only_way() -> None:
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
def test_nobodys_code_goes_where_somebodys_would_and_always_there(
    config: dict[str, object], name: str, medium: str
) -> None:
    found = simulated_destination(config, name, KEY)
    assert found.medium == medium
    assert found == simulated_destination(config, name, KEY)


def test_what_is_shown_of_an_address_is_little() -> None:
    assert Destination("email", "alice@example.com").masked == "a***@e***"
    assert Destination("phone_number", "+12065550100").masked == "+*******0100"
    assert simulated_destination({}, "nobody@example.com", KEY).masked == "n***@e***"
    assert len(simulated_destination({}, "nobody", KEY).masked) == len("a***@e***")
