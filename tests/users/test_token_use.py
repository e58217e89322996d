"""TOKEN_USE accepts access tokens, ID tokens or both; an ID token never gets what only an access token has."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib import auth
from django.contrib.auth import get_user_model
from django.test import AsyncClient, Client

from django_cognito.conf.loading import get_settings
from django_cognito.conf.validation import find_problems
from django_cognito.core import UserPool
from django_cognito.core.errors import ClaimError, ClientError, TokenUseError
from django_cognito.core.tokens.claims import Expected, verify_claims
from django_cognito.testing import make_token
from django_cognito.users.authentication import authenticate
from tests.core.tokens.forging import id_claims
from tests.support.callers import bearer, with_id_token
from tests.support.vectors import NOW, USER_POOL_ID

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.entry_point_views")]
API = "https://api.example.com"
both = pytest.mark.parametrize("value", [["access", "id"], ("id", "access")], ids=["list", "tuple"])


@pytest.fixture
def accept(settings: Any, cognito_keys: None) -> Any:
    """Return a function that sets TOKEN_USE."""

    def change(value: Any, **changes: Any) -> None:
        settings.COGNITO = {**settings.COGNITO, "TOKEN_USE": value, **changes}

    return change


@pytest.mark.parametrize(
    ("value", "token_use"),
    [("access", "access"), ("id", "id"), (["access"], "access"), (("id",), "id"), (["id", "access"], None)],
)
def test_each_spelling_has_one_value_inside(accept: Any, value: Any, token_use: str | None) -> None:
    accept(value)
    assert get_settings().token_use == token_use


@both
@pytest.mark.parametrize("token_use", ["access", "id"])
def test_both_types_are_accepted_at_each_entry_point(accept: Any, value: Any, token_use: Any) -> None:
    accept(value)
    raw = make_token(token_use=token_use)
    assert authenticate(raw)[0].get_username() == "alice"
    assert auth.authenticate(None, cognito_token=raw) is not None
    for url in ("/who/", "/api/"):
        assert b"alice" in Client().get(url, headers=bearer(raw)).content
    assert async_to_sync(AsyncClient().get)("/who/async/", headers=bearer(raw)).content == b"alice"
    assert get_user_model().objects.count() == 1


@pytest.mark.parametrize("token_use", ["refresh", "", None, ["access", "id"]])
def test_other_type_is_rejected_if_both_are_accepted(accept: Any, token_use: Any) -> None:
    accept(["access", "id"])
    with pytest.raises(TokenUseError):
        authenticate(make_token(token_use=token_use))


def test_each_type_has_its_own_client_claim_if_both_are_accepted(accept: Any) -> None:
    accept(["access", "id"])
    for raw in (
        make_token(client_id="another", aud="1testclient23456789"),
        make_token(token_use="id", aud="another", client_id="1testclient23456789"),
    ):
        with pytest.raises(ClientError):
            authenticate(raw)


@pytest.mark.parametrize("value", ["id", ["access", "id"]], ids=["id", "both"])
def test_id_token_has_no_scopes(accept: Any, value: Any) -> None:
    accept(value)
    raw = make_token(token_use="id", scope="orders/read orders/write aws.cognito.signin.user.admin")
    assert authenticate(raw)[1].scopes == frozenset()
    assert Client().get("/order/", headers=bearer(raw)).status_code == 403


def test_access_token_has_its_scopes_if_both_are_accepted(accept: Any) -> None:
    accept(["access", "id"])
    raw = make_token(scope="orders/read orders/write")
    assert Client().get("/order/", headers=bearer(raw)).content == b"ordered"


def test_scopes_are_separated_by_spaces_only(accept: Any) -> None:
    accept("access")
    token = authenticate(make_token(scope="a  b\u00a0c\td "))[1]
    assert token.scopes == {"a", "b\u00a0c\td"}


def test_groups_of_both_types_grant_the_same(accept: Any) -> None:
    accept(["access", "id"], GROUPS={"editors": {"permissions": ["auth.change_group"]}})
    for raw in (make_token(token_use="id", groups=["editors"]), make_token(groups=["editors"])):
        assert Client().get("/may/", headers=bearer(raw)).content == b"True"


def test_id_token_header_is_still_an_id_token_if_both_are_accepted(accept: Any) -> None:
    accept(["access", "id"])
    response = Client().get("/who/", headers=with_id_token(make_token(), make_token()))
    assert (response.status_code, response.json()["code"]) == (401, "wrong_token_use")


# RESOURCE: an ID token is bound to no API


@both
def test_both_types_with_a_resource_are_a_configuration_error(value: Any) -> None:
    pool = {"USER_POOL_ID": USER_POOL_ID, "CLIENT_ID": "1webclient", "TOKEN_USE": value}
    assert find_problems(pool) == []
    (problem,) = find_problems({**pool, "RESOURCE": API})
    assert (problem.id, "RESOURCE" in problem.message) == ("django_cognito.E004", True)
    for single in ("access", "id", ["id"]):
        assert find_problems({**pool, "RESOURCE": API, "TOKEN_USE": single}) == []


def test_id_token_does_not_replace_a_bound_access_token() -> None:
    pool = UserPool(USER_POOL_ID, client_ids=("1webclient",), resource=API)
    expected = Expected(pool, ("access", "id"), pool.client_ids, 10)
    claims = {**id_claims(), "iss": pool.issuers[0], "aud": "1webclient"}
    with pytest.raises(ClaimError) as caught:
        verify_claims(claims, expected, NOW)
    assert caught.value.code == "wrong_resource"
    verify_claims(claims, expected._replace(token_uses=("id",)), NOW)  # the profile of a bound access token


# Invalid values


@pytest.mark.parametrize(
    "value", [None, "", "both", "Access", [], ["access", "access"], ["access", "refresh"], [None], {"access", "id"}, 1]
)
def test_invalid_token_use_is_a_configuration_error(value: Any) -> None:
    (problem,) = find_problems({"USER_POOL_ID": USER_POOL_ID, "CLIENT_ID": "c", "TOKEN_USE": value})
    assert problem.id == "django_cognito.E004"
    assert "['access', 'id']" in problem.message


@pytest.mark.parametrize(
    "value",
    [
        None,
        "Authorization",
        [],
        [""],
        ["Cookie"],
        ["X-Amzn-Oidc-Data"],
        ["Authorization", "x-amzn-oidc-data"],
        ["Authorization", "authorization"],
        ["X-Forwarded-Access-Token"],
        [1],
        {"Authorization": 1},
    ],
)
def test_invalid_token_source_is_an_error_with_the_reason(value: Any) -> None:
    (problem,) = find_problems({"USER_POOL_ID": USER_POOL_ID, "CLIENT_ID": "c", "TOKEN_SOURCES": value})
    assert problem.id == "django_cognito.E004"
    assert "signs X-Amzn-Oidc-Data with a key of its own" in problem.message
    assert "tokens in cookies are not accepted" in problem.message
