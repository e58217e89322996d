"""The sources of ATTRIBUTES: claims, dotted paths and functions, in each kind of token and in the directory."""

import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from django_cognito.users.attributes.claim_values import read_source
from django_cognito.users.writing import bulk_provisioning
from tests.support.scenarios.users import directory_claims

IDENTITIES = [{"providerName": "Google", "userId": "17"}, {"providerName": "Acme"}]


@pytest.mark.parametrize(
    ("source", "claims", "expected"),
    [
        ("name", {"name": "Ada"}, "Ada"),
        ("name", {}, None),
        ("address.locality", {"address": {"locality": "London"}}, "London"),
        ("address.locality", {"address": {"country": "GB"}}, None),
        ("address.locality", {"address": None}, None),
        ("address.locality", {"address": "London"}, None),
        ("address.locality", {"address": '{"locality": "London"}'}, "London"),
        ("address.locality", {"address": '{"locality": '}, None),
        ("address.locality", {"address": 12}, None),
        ("address.locality", {}, None),
        ("identities.1.providerName", {"identities": IDENTITIES}, "Acme"),
        ("identities.1.providerName", {"identities": tuple(IDENTITIES)}, "Acme"),
        ("identities.1.providerName", {"identities": json.dumps(IDENTITIES)}, "Acme"),
        ("identities.2.providerName", {"identities": IDENTITIES}, None),
        ("identities.-1.providerName", {"identities": IDENTITIES}, None),
        ("identities.first.providerName", {"identities": IDENTITIES}, None),
        ("https://example.com/role", {"https://example.com/role": "editor"}, "editor"),
        ("https://example.com/role", {}, None),
        ("a.b", {"a.b": "the claim", "a": {"b": "the path"}}, "the claim"),
        ("name.0", {"name": "Ada"}, None),
        ("list.\u00b2", {"list": ["a", "b", "c"]}, None),
    ],
)
def test_source_reads_a_claim_or_a_path(source: str, claims: Mapping[str, Any], expected: Any) -> None:
    assert read_source(source, claims) == expected


def initials(claims: Mapping[str, Any]) -> str | None:
    names = [claims.get("given_name"), claims.get("family_name")]
    return "".join(name[0] for name in names if name) or None


def fail(claims: Mapping[str, Any]) -> Any:
    raise KeyError(claims["email"])


@pytest.fixture
def attributes(cognito: Any) -> None:
    """Map a path and a function, both to fields of Django's user."""
    cognito(ATTRIBUTES={"first_name": "address.locality", "last_name": initials})


@pytest.mark.django_db
@pytest.mark.usefixtures("attributes")
def test_id_token_sets_the_fields_and_a_change_is_written_once(user_from_token: Any, writes: Any) -> None:
    profile = {"given_name": "Ada", "family_name": "Byron", "address": {"locality": "London"}}
    user = user_from_token(profile=profile, at=-60)
    assert (user.first_name, user.last_name) == ("London", "AB")
    with writes(0):
        user_from_token(profile=profile, at=-60)
    user = user_from_token(profile={**profile, "family_name": "King", "address": {"locality": "Bath"}})
    assert (user.first_name, user.last_name) == ("Bath", "AK")


@pytest.mark.django_db
@pytest.mark.usefixtures("attributes")
@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("openid", ("", "")),
        ("openid email profile", ("London", "")),
        # A function may read any claim of SCOPES.
        ("openid profile", ("London", "A")),
        ("openid email", ("London", "A")),
    ],
)
def test_source_without_a_value_clears_the_field(user_from_token: Any, scope: str, expected: tuple[str, str]) -> None:
    # The address is in ID tokens without other scopes than `openid` only.
    user_from_token(profile={"given_name": "Ada", "address": {"locality": "London"}}, at=-60)
    user = user_from_token(profile={"email": "ada@example.com"}, scope=scope)
    assert (user.first_name, user.last_name) == expected


@pytest.mark.django_db
@pytest.mark.usefixtures("attributes")
def test_directory_has_the_address_as_json(user_from_token: Any) -> None:
    user = user_from_token(at=-60)
    claims = directory_claims(given_name="Ada", address='{"locality": "London"}')
    assert bulk_provisioning.update_users([claims]).changed == 1
    user.refresh_from_db()
    assert (user.first_name, user.last_name) == ("London", "A")


@pytest.mark.django_db
def test_error_of_a_function_is_logged_without_claims(
    user_from_token: Any, cognito: Any, caplog: pytest.LogCaptureFixture
) -> None:
    cognito(ATTRIBUTES={"last_name": fail})
    caplog.set_level(logging.ERROR)
    with pytest.raises(KeyError):
        user_from_token(profile={"email": "ada@example.com"})
    assert [record.getMessage() for record in caplog.records] == ["the function fail of ATTRIBUTES raised KeyError"]
