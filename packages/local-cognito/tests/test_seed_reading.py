"""Reading of seeds: values, defaults and errors."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_cognito.seeds.reading import default_seed, read_seed
from local_cognito.seeds.seed import SeedPool
from local_cognito.seeds.values import SeedError

POOL: dict[str, Any] = {"id": "eu-west-1_Seeded"}


def pool(**changes: Any) -> SeedPool:
    return read_seed({"pools": [{**POOL, **changes}]}).pools[0]


def user(**changes: Any) -> dict[str, Any]:
    return {"username": "ann", "password": "x", **changes}


def error_message(**changes: Any) -> str:
    with pytest.raises(SeedError) as raised:
        pool(**changes)
    return str(raised.value)


def test_seed_is_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text("pools:\n  - {id: eu-west-1_Seeded, mfa: off, users: [{username: ann}]}\n")
    assert read_seed(path).pools[0].users[0].username == "ann"


def test_seed_is_read_from_json(tmp_path: Path) -> None:
    path = tmp_path / "seed.json"
    path.write_text(json.dumps({"pools": [POOL]}))
    assert read_seed(str(path)).pools[0].id == POOL["id"]


@pytest.mark.parametrize("name", ["seed.yaml", "seed.json"])
def test_error_names_a_seed_file_that_does_not_parse(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("{pools: [")
    with pytest.raises(SeedError, match=f"{name}: cannot be read"):
        read_seed(path)


def test_error_names_a_missing_seed_file(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match=r"absent\.yaml: cannot be read"):
        read_seed(tmp_path / "absent.yaml")


def test_unknown_key_error_has_file_path_and_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text("pools:\n  - {id: eu-west-1_Seeded, clients: [{id: web, calback_urls: []}]}\n")
    with pytest.raises(SeedError) as raised:
        read_seed(path)
    assert str(raised.value) == (
        f"{path}: pools[0].clients[0]: unknown key 'calback_urls'; did you mean 'callback_urls'?"
    )


def test_unknown_key_without_similar_key_lists_the_valid_keys() -> None:
    with pytest.raises(
        SeedError, match="unknown key 'zzz'; expected: pools, identity_pools, roles, buckets, tables, admin"
    ):
        read_seed({"zzz": 1})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"id": "nonsense"}, "pools[0].id: 'nonsense' is not a user pool id"),
        ({"mfa": "maybe"}, "pools[0].mfa: must be one of: off, optional, on"),
        ({"users": [{}]}, "pools[0].users[0]: username is missing"),
        ({"users": {}}, "pools[0].users: must be a list"),
        ({"users": ["ann"]}, "pools[0].users[0]: must be a mapping"),
        ({"users": [user(password=123)]}, "pools[0].users[0].password: must be a non-empty string (quote it"),
        ({"users": [user(email_verified="yes")]}, "email_verified: must be true or false"),
        ({"users": [user(groups="editors")]}, "groups: must be a list of strings"),
        ({"users": [user(attributes=["x"])]}, "attributes: must be a mapping of names to strings"),
        ({"users": [user(status="FINE")]}, "status: must be one of: CONFIRMED"),
        ({"users": [user(totp_secret="1189")], "mfa": "on"}, "totp_secret: must be base32"),
        ({"users": [user(totp_secret="JBSWY3DPEHPK3PXP")]}, "has a totp_secret, but the pool's mfa is off"),
        ({"users": [user(), user()]}, "pools[0].users: the username 'ann' occurs twice"),
        ({"users": [user(sub="1"), user(username="bob", sub="1")]}, "the sub '1' occurs twice"),
        ({"groups": [{"name": "a"}, {"name": "a"}]}, "pools[0].groups: the name 'a' occurs twice"),
        ({"groups": [{"name": "a", "precedence": -1}]}, "precedence: must be a whole number, 0 or more"),
        (
            {"clients": [{"id": "web", "rotation_grace_seconds": 61}]},
            "rotation_grace_seconds: must be a whole number from 0 to 60",
        ),
        ({"clients": [{"id": "a b"}]}, "clients[0].id: must be letters"),
        ({"clients": [{"id": "web"}, {"id": "web"}]}, "the client id 'web' occurs twice"),
        ({"clients": [{"id": "web", "secret": "short"}]}, "clients[0].secret: must be 24 to 64"),
        ({"clients": [{"id": "web", "access_token_minutes": 0}]}, "access_token_minutes: must be a number above 0"),
        ({"clients": [{"id": "web", "auth_flows": ["ALLOW_ALL"]}]}, "auth_flows: must be one of: ALLOW_USER_SRP_AUTH"),
    ],
)
def test_invalid_seed_value_is_an_error_with_its_path(changes: dict[str, Any], expected: str) -> None:
    assert expected in error_message(**changes)


def test_username_of_an_email_pool_is_the_email_attribute() -> None:
    seed_user = pool(username_attributes=["email"], users=[user(username="ann@example.com")]).users[0]
    assert seed_user.email == "ann@example.com"


def test_username_of_a_phone_pool_is_the_phone_attribute() -> None:
    seed_user = pool(username_attributes=["phone_number"], users=[user(username="+12065550100")]).users[0]
    assert seed_user.attributes == {"phone_number": "+12065550100"}


@pytest.mark.parametrize(
    ("changes", "user_changes", "expected"),
    [
        (
            {"username_attributes": ["email", "phone_number"]},
            {},
            "users[0].username: must be an email address or a phone number (+12065550100), as username_attributes",
        ),
        (
            {"username_attributes": ["email"]},
            {"username": "ann@example.com", "email": "bea@example.com"},
            "users[0].email: must be the same as username, or absent",
        ),
        (
            {"alias_attributes": ["email"]},
            {"username": "ann@example.com"},
            "users[0].username: must not be an email address: email is in alias_attributes of the pool",
        ),
    ],
)
def test_username_of_the_wrong_form_is_an_error(
    changes: dict[str, Any], user_changes: dict[str, Any], expected: str
) -> None:
    assert expected in error_message(**changes, users=[user(**user_changes)])


@pytest.mark.parametrize("key", ["Action", "Resource"])
def test_policy_statement_with_an_empty_list_is_an_error(key: str) -> None:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", key: []}
    with pytest.raises(SeedError, match="must be an IAM policy"):
        read_seed({"pools": [POOL], "roles": [{"name": "a", "policy": {"Statement": [statement]}}]})


def test_unknown_group_error_has_a_suggestion() -> None:
    text = error_message(groups=[{"name": "editors"}], users=[user(groups=["editor"])])
    assert text == "seed: pools[0].users[0].groups: unknown group 'editor'; did you mean 'editors'?"


def test_duplicate_pool_id_is_an_error() -> None:
    with pytest.raises(SeedError, match="the id 'eu-west-1_Seeded' occurs twice"):
        read_seed({"pools": [POOL, POOL]})


def test_null_is_the_default_value() -> None:
    assert pool(clients=[{"id": "web", "secret": None}]).clients[0].secret is None


def test_default_sub_depends_on_the_username() -> None:
    subs = [pool(users=[user(username=name)]).users[0].sub for name in ("ann", "ann", "bob")]
    assert subs[0] == subs[1] != subs[2]


@pytest.mark.parametrize(("yaml_value", "mode"), [(True, "on"), (False, "off")])
def test_yaml_booleans_are_accepted_for_mfa(yaml_value: bool, mode: str) -> None:
    assert pool(mfa=yaml_value).mfa == mode


def test_standard_and_custom_attributes_are_merged() -> None:
    seed_user = pool(users=[user(name="Ann", attributes={"custom:tenant": "acme"})]).users[0]
    assert seed_user.attributes == {"name": "Ann", "custom:tenant": "acme"}


def test_repr_of_seed_has_no_secret() -> None:
    seed_pool = pool(users=[user(password="verysecret")], clients=[{"id": "web", "secret": "verysecret" * 3}])
    assert "verysecret" not in repr(seed_pool)


def test_default_seed_has_one_pool_and_three_users() -> None:
    (default_pool,) = default_seed().pools
    assert [user.username for user in default_pool.users] == ["alice", "bob", "carol"]


# For its default alphabet, st.text() encodes each character of Unicode.
CHARACTERS = st.characters(exclude_categories=["Cs"])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(CHARACTERS, max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*"ab", "id", "users"]), inner),
        max_leaves=8,
    )
)
def test_any_document_is_read_or_raises_seed_error(document: Any) -> None:
    with suppress(SeedError):
        read_seed({"pools": document})


PROVIDER = {"name": "Corporate", "client_id": "us", "oidc_issuer": "https://issuer.example"}


def test_identity_provider_is_read_with_default_type_and_scopes() -> None:
    pool = {"id": "eu-west-1_A1", "identity_providers": [{**PROVIDER, "client_secret": "theirs"}]}
    (provider,) = read_seed({"pools": [pool]}).pools[0].identity_providers
    assert (provider.type, provider.authorize_scopes) == ("OIDC", "openid email profile")
    assert "theirs" not in repr(provider)


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        ({"identity_providers": [{**PROVIDER, "name": "_x_"}]}, r"identity_providers\[0\].name: must be 3 to 32"),
        ({"identity_providers": [{**PROVIDER, "type": "Banana"}]}, "type: must be one of: OIDC, SAML, Google"),
        ({"identity_providers": [{**PROVIDER, "type": "Google"}]}, "of the type Google cannot be called Corporate"),
        ({"identity_providers": [{**PROVIDER, "name": "COGNITO"}]}, "of the type OIDC cannot be called COGNITO"),
        ({"identity_providers": [{**PROVIDER, "oidc_issuer": "http://a.example"}]}, "oidc_issuer: must be https"),
        ({"identity_providers": [{**PROVIDER, "jwks_uri": "ftp://a.example"}]}, "jwks_uri: must be https"),
        ({"identity_providers": [PROVIDER, PROVIDER]}, "identity_providers: the name 'Corporate' occurs twice"),
        (
            {"identity_providers": [{**PROVIDER, "idp_identifiers": ["a", "a"]}]},
            "identity_providers: the identifier 'a' occurs twice",
        ),
        (
            {"clients": [{"id": "1web", "identity_providers": ["Corparate"]}], "identity_providers": [PROVIDER]},
            r"clients\[0\].identity_providers: unknown identity provider 'Corparate'; did you mean 'Corporate'",
        ),
        ({"tier": "free"}, "tier: must be one of: lite, essentials, plus"),
        ({"password_policy": {"minimum_length": 0}}, "password_policy.minimum_length: must be a whole number, 1 or"),
        ({"password_policy": {"minimum": 8}}, "password_policy: unknown key 'minimum'; did you mean 'minimum_length'"),
        ({"required_attributes": ["nick"]}, "required_attributes: must be one of: email, "),
    ],
)
def test_invalid_pool_is_an_error_with_its_path(pool: dict[str, Any], message: str) -> None:
    with pytest.raises(SeedError, match=message):
        read_seed({"pools": [{"id": "eu-west-1_A1", **pool}]})
