"""A provider's claims as attributes of the pool."""

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
def test_every_kind_of_claim_is_a_string_in_the_pool(value: Any, expected: str) -> None:
    assert map_attributes({"custom:it": "claim"}, {"claim": value}) == {"custom:it": expected}


def test_what_is_missing_or_too_long_changes_nothing() -> None:
    claims = {"null": None, "long": "x" * 2049, "fits": "x" * 2048}
    mapping = {"custom:none": "missing", "custom:null": "null", "custom:long": "long", "custom:fits": "fits"}
    assert map_attributes(mapping, claims) == {"custom:fits": "x" * 2048}


@pytest.mark.parametrize("name", ["sub", "identities"])
def test_who_somebody_is_comes_from_no_claim(name: str) -> None:
    assert map_attributes({name: "claim"}, {"claim": "somebody else"}) == {}


def test_an_address_is_verified_only_where_that_is_mapped_too() -> None:
    claims = {"email": "fay@example.com", "email_verified": True, "phone": "+12065550100"}
    mapping = {"email": "email", "phone_number": "phone"}
    unverified = map_attributes(mapping, claims)
    assert (unverified["email_verified"], unverified["phone_number_verified"]) == ("false", "false")
    assert map_attributes({**mapping, "email_verified": "email_verified"}, claims)["email_verified"] == "true"
