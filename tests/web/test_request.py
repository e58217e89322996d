import pickle
from copy import copy, deepcopy
from typing import Any

import pytest
from django.test import Client, RequestFactory

from django_cognito.conf.loading import get_settings
from django_cognito.core.errors import CognitoUnavailableError
from django_cognito.testing import make_token, sign_in
from django_cognito.users.authentication import authenticate
from django_cognito.web.request import RequestCognito
from tests.support.callers import bearer, end_tokens

pytestmark = pytest.mark.urls("tests.support.entry_point_views")
with_database_and_keys = pytest.mark.usefixtures("db", "cognito_keys")


@with_database_and_keys
@pytest.mark.parametrize("caller", ["bearer", "session"])
def test_request_cognito_has_user_groups_scopes_and_pool(client: Client, caller: str) -> None:
    claims: Any = {"groups": ["editors", "admins"], "scope": "openid orders/read"}
    raw, headers = make_token(**claims), {}
    if caller == "bearer":
        headers = bearer(raw)
    else:
        sign_in(client, **claims)
    data = client.get("/cognito/", headers=headers).json()
    assert (data["user"], data["groups"], data["scopes"]) == ("alice", claims["groups"], ["openid", "orders/read"])
    assert (data["pool"], data["is_machine"], data["is_bearer"]) == ("eu-west-1_TestPool1", False, caller == "bearer")
    assert data["sub"]
    assert data["raw"].count(".") == 2
    if caller == "bearer":
        assert data["raw"] == raw


@with_database_and_keys
@pytest.mark.parametrize("caller", ["bearer", "session"])
def test_repr_of_request_cognito_has_no_secret(client: Client, caller: str) -> None:
    raw = make_token()
    sign_in(client)
    data = client.get("/cognito/", headers=bearer(raw) if caller == "bearer" else {}).json()
    assert data["repr"] == f"<RequestCognito <AccessToken sub={data['sub']} pool=eu-west-1_TestPool1>>"


@with_database_and_keys
def test_bearer_request_ignores_the_session(client: Client) -> None:
    sign_in(client, "carol", groups=["admins"])
    data = client.get("/cognito/", headers=bearer(make_token())).json()
    assert (data["user"], data["groups"]) == ("alice", [])
    data = client.get("/cognito/").json()
    assert (data["user"], data["groups"]) == ("carol", ["admins"])


@with_database_and_keys
def test_copied_or_pickled_user_of_a_session_has_no_token(client: Client) -> None:
    sign_in(client, groups=["editors"])
    request = client.get("/who/").wsgi_request
    raw = request.cognito.raw
    assert raw.encode() not in pickle.dumps(request.user)
    for copied_user in (copy(request.user), deepcopy(request.user), pickle.loads(pickle.dumps(request.user))):
        assert copied_user == request.user
        assert "eyJ" not in repr(vars(copied_user))


@with_database_and_keys
def test_set_bearer_replaces_a_session_that_was_read(client: Client) -> None:
    sign_in(client, "carol", groups=["admins"])
    request: Any = client.get("/cognito/").wsgi_request
    raw = make_token()
    user, token = authenticate(raw)
    request.cognito.set_bearer(user, token, raw)
    assert (request.cognito.raw, request.cognito.token, request.cognito.is_bearer) == (raw, token, True)
    assert request.cognito.groups == ()


@with_database_and_keys
@pytest.mark.usefixtures("cognito_down")
def test_set_bearer_after_a_failed_session_succeeds(client: Client) -> None:
    sign_in(client, "carol", refresh_token="a refresh token")
    end_tokens()
    request: Any = client.get("/who/").wsgi_request
    with pytest.raises(CognitoUnavailableError):
        _ = request.cognito.token
    user, token = authenticate(raw := make_token())
    request.cognito.set_bearer(user, token, raw)
    assert request.cognito.token is token


@pytest.mark.django_db
@pytest.mark.usefixtures("cognito_keys")
def test_pool_of_the_request_is_the_configured_one() -> None:
    cognito = RequestCognito(RequestFactory().get("/"))
    user, token = authenticate(raw := make_token())
    cognito.set_bearer(user, token, raw)
    assert cognito.pool is get_settings().user_pool


POOLS = {
    "acme": {"USER_POOL_ID": "eu-west-1_AcmePool1", "CLIENT_ID": "1acme"},
    "zen": {"USER_POOL_ID": "us-east-1_ZenPool01", "CLIENT_ID": "1zen"},
}


@with_database_and_keys
@pytest.mark.parametrize("caller", ["bearer", "session"])
@pytest.mark.parametrize("alias", POOLS)
def test_pool_of_the_request_is_the_pool_of_the_token(client: Client, settings: Any, caller: str, alias: str) -> None:
    settings.COGNITO = {"POOLS": POOLS}
    if caller == "session":
        sign_in(client, alias=alias)
    data = client.get("/cognito/", headers=bearer(make_token(alias=alias)) if caller == "bearer" else {}).json()
    assert (data["user"], data["pool"]) == ("alice", POOLS[alias]["USER_POOL_ID"])


@with_database_and_keys
@pytest.mark.parametrize("path", ["/cognito/", "/cognito/async/"])
@pytest.mark.parametrize("remaining_alias", ["acme", "zen"])
def test_session_of_a_removed_pool_is_anonymous(client: Client, settings: Any, path: str, remaining_alias: str) -> None:
    settings.COGNITO = {"POOLS": {**POOLS, "zen": {**POOLS["zen"], "GROUPS": {"admins": {"permissions": ["a.b"]}}}}}
    sign_in(client, alias="zen", groups=["admins"])
    settings.COGNITO = {"POOLS": {"acme": {**POOLS["acme"], "GROUPS": {"admins": {"permissions": ["a.b"]}}}}}
    if remaining_alias == "zen":
        settings.COGNITO = {"POOLS": {"zen": {**POOLS["zen"], "CLIENT_ID": "1another"}}}
    data = client.get(path).json()
    assert (data["user"], data["pool"], data["groups"], data["raw"]) == ("", None, [], "")
    assert dict(client.session.items()) == {}
