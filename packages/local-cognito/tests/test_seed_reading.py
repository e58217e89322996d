"""Seeds: what they fix, and how they complain."""

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


def complaint(**changes: Any) -> str:
    with pytest.raises(SeedError) as error:
        pool(**changes)
    return str(error.value)


def test_a_seed_is_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text("pools:\n  - {id: eu-west-1_Seeded, mfa: off, users: [{username: ann}]}\n")
    assert read_seed(path).pools[0].users[0].username == "ann"


def test_a_seed_is_read_from_json(tmp_path: Path) -> None:
    path = tmp_path / "seed.json"
    path.write_text(json.dumps({"pools": [POOL]}))
    assert read_seed(str(path)).pools[0].id == POOL["id"]


@pytest.mark.parametrize("name", ["seed.yaml", "seed.json"])
def test_a_file_that_does_not_parse_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("{pools: [")
    with pytest.raises(SeedError, match=f"{name}: cannot be read"):
        read_seed(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match=r"absent\.yaml: cannot be read"):
        read_seed(tmp_path / "absent.yaml")


def test_an_unknown_key_is_named_with_its_file_its_place_and_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text("pools:\n  - {id: eu-west-1_Seeded, clients: [{id: web, calback_urls: []}]}\n")
    with pytest.raises(SeedError) as error:
        read_seed(path)
    assert str(error.value) == (
        f"{path}: pools[0].clients[0]: unknown key 'calback_urls'; did you mean 'callback_urls'?"
    )


def test_an_unknown_key_like_no_other_lists_those_that_are_known() -> None:
    with pytest.raises(
        SeedError, match="unknown key 'zzz'; known are: pools, identity_pools, roles, buckets, tables, admin"
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
        ({"users": [user(), user()]}, "pools[0].users: the username 'ann' stands twice"),
        ({"users": [user(sub="1"), user(username="bob", sub="1")]}, "the sub '1' stands twice"),
        ({"groups": [{"name": "a"}, {"name": "a"}]}, "pools[0].groups: the name 'a' stands twice"),
        ({"groups": [{"name": "a", "precedence": -1}]}, "precedence: must be a whole number, 0 or more"),
        (
            {"clients": [{"id": "web", "rotation_grace_seconds": 61}]},
            "rotation_grace_seconds: must be a whole number from 0 to 60",
        ),
        ({"clients": [{"id": "a b"}]}, "clients[0].id: must be letters"),
        ({"clients": [{"id": "web"}, {"id": "web"}]}, "the client id 'web' stands twice"),
        ({"clients": [{"id": "web", "secret": "short"}]}, "clients[0].secret: must be 24 to 64"),
        ({"clients": [{"id": "web", "access_token_minutes": 0}]}, "access_token_minutes: must be a number above 0"),
        ({"clients": [{"id": "web", "auth_flows": ["ALLOW_ALL"]}]}, "auth_flows: must be one of: ALLOW_USER_SRP_AUTH"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(changes: dict[str, Any], expected: str) -> None:
    assert expected in complaint(**changes)


def test_an_unknown_group_is_named_with_the_nearest() -> None:
    text = complaint(groups=[{"name": "editors"}], users=[user(groups=["editor"])])
    assert text == "seed: pools[0].users[0].groups: unknown group 'editor'; did you mean 'editors'?"


def test_a_pool_stands_once() -> None:
    with pytest.raises(SeedError, match="the id 'eu-west-1_Seeded' stands twice"):
        read_seed({"pools": [POOL, POOL]})


def test_null_means_not_given() -> None:
    assert pool(clients=[{"id": "web", "secret": None}]).clients[0].secret is None


def test_a_sub_follows_from_pool_and_username() -> None:
    subs = [pool(users=[user(username=name)]).users[0].sub for name in ("ann", "ann", "bob")]
    assert subs[0] == subs[1] != subs[2]


@pytest.mark.parametrize(("bare", "meaning"), [(True, "on"), (False, "off")])
def test_yaml_booleans_are_words_for_mfa(bare: bool, meaning: str) -> None:
    assert pool(mfa=bare).mfa == meaning


def test_standard_attributes_are_keys_and_others_have_theirs() -> None:
    read = pool(users=[user(name="Ann", attributes={"custom:tenant": "acme"})]).users[0]
    assert read.attributes == {"name": "Ann", "custom:tenant": "acme"}


def test_nothing_secret_is_in_the_repr_of_a_seed() -> None:
    seeded = pool(users=[user(password="verysecret")], clients=[{"id": "web", "secret": "verysecret" * 3}])
    assert "verysecret" not in repr(seeded)


def test_the_seed_of_the_package_has_one_pool_and_three_people() -> None:
    (only,) = default_seed().pools
    assert [person.username for person in only.users] == ["alice", "bob", "carol"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*"ab", "id", "users"]), inner),
        max_leaves=8,
    )
)
def test_whatever_stands_in_a_seed_it_is_read_or_complained_about(document: Any) -> None:
    with suppress(SeedError):
        read_seed({"pools": document})


PROVIDER = {"name": "Corporate", "client_id": "us", "oidc_issuer": "https://issuer.example"}


def test_a_provider_is_read_with_what_it_says_of_itself() -> None:
    pool = {"id": "eu-west-1_A1", "identity_providers": [{**PROVIDER, "client_secret": "theirs"}]}
    (provider,) = read_seed({"pools": [pool]}).pools[0].identity_providers
    assert (provider.type, provider.authorize_scopes) == ("OIDC", "openid email profile")
    assert "theirs" not in repr(provider)


@pytest.mark.parametrize(
    ("pool", "complaint"),
    [
        ({"identity_providers": [{**PROVIDER, "name": "_x_"}]}, r"identity_providers\[0\].name: must be 3 to 32"),
        ({"identity_providers": [{**PROVIDER, "type": "Banana"}]}, "type: must be one of: OIDC, SAML, Google"),
        ({"identity_providers": [{**PROVIDER, "type": "Google"}]}, "of the type Google cannot be called Corporate"),
        ({"identity_providers": [{**PROVIDER, "name": "COGNITO"}]}, "of the type OIDC cannot be called COGNITO"),
        ({"identity_providers": [{**PROVIDER, "oidc_issuer": "http://a.example"}]}, "oidc_issuer: must be https"),
        ({"identity_providers": [{**PROVIDER, "jwks_uri": "ftp://a.example"}]}, "jwks_uri: must be https"),
        ({"identity_providers": [PROVIDER, PROVIDER]}, "identity_providers: the name 'Corporate' stands twice"),
        (
            {"identity_providers": [{**PROVIDER, "idp_identifiers": ["a", "a"]}]},
            "identity_providers: the identifier 'a' stands twice",
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
def test_a_pool_that_cannot_work_is_refused_where_it_stands(pool: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SeedError, match=complaint):
        read_seed({"pools": [{"id": "eu-west-1_A1", **pool}]})
