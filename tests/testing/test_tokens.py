from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from django_cognito.core import AccessToken, ClientToken, IdToken
from django_cognito.core.errors import ClaimError, SignatureError
from django_cognito.core.tokens.jws import decode_jws, decode_segment
from django_cognito.testing import make_token, trusted_keys
from django_cognito.testing.keys import KID
from django_cognito.users.authentication import verify

pytestmark = pytest.mark.usefixtures("cognito_keys")


def test_make_token_returns_an_access_token_by_default() -> None:
    token, _ = verify(make_token())
    assert isinstance(token, AccessToken)
    assert (token.username, token.groups, token.client_id) == ("alice", (), "1testclient23456789")


def test_make_token_for_id_token_has_profile_claims() -> None:
    token, _ = verify(make_token(token_use="id", username="bob"), token_use="id")
    assert isinstance(token, IdToken)
    assert (token.username, token.email, token.email_verified) == ("bob", "bob@example.com", True)


def test_make_token_derives_sub_from_the_username() -> None:
    subs = [verify(make_token(username=name))[0].sub for name in ("alice", "bob", "alice")]
    assert subs[0] == subs[2] != subs[1]


@pytest.mark.parametrize("token_use", ["access", "id"])
def test_make_token_of_an_email_has_it_as_email_and_a_uuid_as_name(token_use: Any) -> None:
    token, _ = verify(make_token(token_use=token_use, username="ada@example.com"), token_use=token_use)
    assert token.username == token.sub == str(UUID(token.sub))
    assert token.claims.get("email") == ("ada@example.com" if token_use == "id" else None)


def test_make_token_of_an_email_accepts_another_cognito_username() -> None:
    claims = {"cognito:username": "ada@example.com", "email": "a@example.com"}
    token, _ = verify(make_token(token_use="id", username="ada@example.com", **claims), token_use="id")
    assert (token.username, token.claims["email"]) == ("ada@example.com", "a@example.com")


def test_make_token_without_username_is_a_client_token() -> None:
    token, _ = verify(make_token(username=None, scope="orders/read"))
    assert isinstance(token, ClientToken)
    assert (token.sub, token.scopes) == ("1testclient23456789", {"orders/read"})


def test_make_token_sets_the_client_id_of_a_client_token() -> None:
    token, _ = verify(make_token(username=None, client_id="7client"), client_ids=("7client",))
    assert (token.sub, token.client_id) == ("7client", "7client")


def test_make_token_refuses_an_id_token_without_username() -> None:
    with pytest.raises(ValueError, match="ID token"):
        make_token(token_use="id", username=None)


def test_make_token_adds_and_replaces_claims() -> None:
    claims = verify(make_token(groups=["editors"], scope="a b", **{"custom:tenant": "acme"}))[0].claims
    assert (claims["cognito:groups"], claims["scope"], claims["custom:tenant"]) == (("editors",), "a b", "acme")


def test_make_token_with_none_removes_the_claim() -> None:
    with pytest.raises(ClaimError) as refused:
        verify(make_token(exp=None))
    assert refused.value.claim == "exp"


def test_make_token_refuses_a_string_as_groups() -> None:
    with pytest.raises(TypeError, match="groups"):
        make_token(groups="editors")  # type: ignore[arg-type]


def test_make_token_adds_and_replaces_header_parameters() -> None:
    assert decode_segment(decode_jws(make_token(header={"alg": "none", "typ": "JWT"}))[0]) == {
        "kid": KID,
        "alg": "none",
        "typ": "JWT",
    }


def test_make_token_with_none_removes_the_header_parameter() -> None:
    assert decode_segment(decode_jws(make_token(header={"kid": None}))[0]) == {"alg": "RS256"}


def test_make_token_with_another_key_is_rejected() -> None:
    with pytest.raises(SignatureError):
        verify(make_token(key=rsa.generate_private_key(public_exponent=65_537, key_size=2_048)))


def test_make_token_uses_pool_and_client_of_the_settings(settings: object) -> None:
    settings.COGNITO = {"USER_POOL_ID": "us-east-1_Other", "CLIENT_ID": "another"}  # type: ignore[attr-defined]
    with trusted_keys():
        token, _ = verify(make_token())
    assert (token.user_pool_id, token.client_id) == ("us-east-1_Other", "another")


def test_make_token_with_alias_uses_its_pool_client_and_scopes(settings: Any) -> None:
    acme = {"USER_POOL_ID": "eu-west-1_Acme", "CLIENT_ID": "1acme"}
    zen = {"USER_POOL_ID": "us-east-1_Zen", "CLIENT_ID": "1zen", "SCOPES": ["openid", "orders/read"]}
    beta = {**zen, "CLIENT_ID": "1beta", "RESOURCE": "https://api.example.com"}
    settings.COGNITO = {"POOLS": {"acme": acme, "zen": zen}, "SCOPES": ["openid"]}
    with trusted_keys():
        tokens = [verify(make_token(alias=alias))[0] for alias in ("", "acme", "zen")]
        client_token = verify(make_token(alias="zen", username=None))[0]
        profile = verify(make_token(alias="zen", token_use="id"), token_use="id")[0]
        settings.COGNITO = {"POOLS": {"acme": acme, "beta": beta}}
        resource_token = verify(make_token(alias="beta"))[0]
    pools = [(token.user_pool_id, token.client_id, sorted(token.scopes)) for token in (*tokens, client_token, profile)]
    assert pools == [
        ("eu-west-1_Acme", "1acme", ["openid"]),
        ("eu-west-1_Acme", "1acme", ["openid"]),
        ("us-east-1_Zen", "1zen", ["openid", "orders/read"]),
        ("us-east-1_Zen", "1zen", []),
        ("us-east-1_Zen", "1zen", []),
    ]
    assert (resource_token.client_id, resource_token.claims["aud"]) == ("1beta", "https://api.example.com")


def test_make_token_for_two_aliases_of_a_pool_has_one_sub(settings: Any) -> None:
    one = {"USER_POOL_ID": "eu-west-1_Acme", "CLIENT_ID": "1acme"}
    settings.COGNITO = {"POOLS": {"acme": one, "beta": {**one, "CLIENT_ID": "1beta"}}}
    with trusted_keys():
        tokens = [verify(make_token(alias=alias))[0] for alias in ("acme", "beta")]
    assert len({(token.user_pool_id, token.sub) for token in tokens}) == 1
    assert [token.client_id for token in tokens] == ["1acme", "1beta"]


@pytest.mark.parametrize("alias", ["umbrella", "Default", " "])
def test_make_token_with_an_unknown_alias_raises_key_error(alias: str) -> None:
    with pytest.raises(KeyError):
        make_token(alias=alias)


def test_make_token_without_pools_accepts_the_alias_default() -> None:
    assert verify(make_token(alias="default"))[0].client_id == "1testclient23456789"


def test_make_token_sets_aud_of_access_tokens_to_the_resource(settings: object) -> None:
    cognito = {**settings.COGNITO, "RESOURCE": "https://api.example.com"}  # type: ignore[attr-defined]
    settings.COGNITO = cognito  # type: ignore[attr-defined]
    with trusted_keys():
        tokens = [verify(make_token())[0], verify(make_token(username=None))[0]]
        tokens.append(verify(make_token(token_use="id"), token_use="id")[0])
    assert [token.claims.get("aud") for token in tokens] == ["https://api.example.com", None, cognito["CLIENT_ID"]]
