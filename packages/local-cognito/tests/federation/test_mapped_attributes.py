"""Mapping of a provider's claims to attributes of the pool."""

from typing import Any

import pytest
from local_cognito.federation.federated_users import map_attributes


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        ("", ""),
        (True, "true"),
        (False, "false"),
        (12, "12"),
        (["a", "b c", "d,e", "f*g.h-i_j"], "[a,b+c,d%2Ce,f*g.h-i_j]"),
        ([], "[]"),
        ([True, 1], "[true,1]"),
        ({"formatted": "1 Hill Street"}, '{"formatted": "1 Hill Street"}'),
    ],
)
def test_claim_of_any_type_is_mapped_to_a_string(value: Any, expected: str) -> None:
    assert map_attributes({"custom:it": "claim"}, {"claim": value}) == {"custom:it": expected}


def test_missing_and_too_long_claims_are_not_mapped() -> None:
    claims = {"null": None, "long": "x" * 2049, "fits": "x" * 2048}
    mapping = {"custom:none": "missing", "custom:null": "null", "custom:long": "long", "custom:fits": "fits"}
    assert map_attributes(mapping, claims) == {"custom:fits": "x" * 2048}


@pytest.mark.parametrize("name", ["sub", "identities"])
def test_sub_and_identities_are_not_mapped(name: str) -> None:
    assert map_attributes({name: "claim"}, {"claim": "somebody else"}) == {}


def test_email_and_phone_are_verified_only_if_that_claim_is_mapped() -> None:
    claims = {"email": "fay@example.com", "email_verified": True, "phone": "+12065550100"}
    mapping = {"email": "email", "phone_number": "phone"}
    attributes = map_attributes(mapping, claims)
    assert (attributes["email_verified"], attributes["phone_number_verified"]) == ("false", "false")
    assert map_attributes({**mapping, "email_verified": "email_verified"}, claims)["email_verified"] == "true"
