import pickle
from copy import copy, deepcopy
from typing import Any

import pytest
from django.test import Client, RequestFactory

from django_cognito.conf.loading import get_settings
from django_cognito.core.errors import CognitoUnavailableError
from django_cognito.testing import make_token, sign_in
from django_cognito.users.authentication import authenticate
from django_cognito.web.bearer import bearer_token
from django_cognito.web.request import RequestCognito
from tests.support.callers import bearer, end_tokens

pytestmark = pytest.mark.urls("tests.support.entry_point_views")
signed_in = pytest.mark.usefixtures("db", "cognito_keys")


@pytest.mark.parametrize(
    ("header", "raw"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER \t abc  ", "abc"),
        (" Bearer abc", "abc"),
        ("Bearer", ""),
        ("Bearer ", ""),
        ("Bearer a b", "a b"),
        ("Bearer a\nb", "a\nb"),
        ("Bearer a, Bearer b", "a, Bearer b"),
        ("Bearer a,Basic b", "a,Basic b"),
        ("Basic a, Bearer b", ", Bearer b"),
        ("Basic a,bearer", ",bearer"),
        ("Digest a, b, Bearer c", ", Bearer c"),
        ("", None),
        ("Basic a", None),
        (", Bearer a", ", Bearer a"),
        # RFC 9110 5.6.3: space and tab. Whatever else Python takes for a space is neither skipped nor overlooked.
        ("Bearer\xa0abc", "\xa0abc"),
        ("Bearer \x85abc", "\x85abc"),
        ("Bearer\x0babc", "\x0babc"),
        ("Bearer abc\x1f", "abc\x1f"),
        ("Bearer abc\u2003", "abc\u2003"),
        ("\x1cBearer abc", "\x1cBearer abc"),
        ("\u3000 Bearer abc", "\u3000 Bearer abc"),
        ("Basic a,\xa0Bearer b", ",\xa0Bearer b"),
        ("Basic bearer", None),
        ("Bearerabc", None),
        ("Bearer:abc", None),
        ("NotBearer abc", None),
        ("Digest a, bearers=b", None),
    ],
)
def test_the_header_is_read_as_it_comes(header: str, raw: str | None) -> None:
    assert bearer_token(RequestFactory().get("/", headers={"authorization": header})) == raw


def test_no_header_is_no_token() -> None:
    assert bearer_token(RequestFactory().get("/")) is None


@signed_in
@pytest.mark.parametrize("by", ["bearer", "session"])
def test_it_says_whose_request_this_is(client: Client, by: str) -> None:
    claims: Any = {"groups": ["editors", "admins"], "scope": "openid orders/read"}
    raw, headers = make_token(**claims), {}
    if by == "bearer":
        headers = bearer(raw)
    else:
        sign_in(client, **claims)
    said = client.get("/cognito/", headers=headers).json()
    assert (said["user"], said["groups"], said["scopes"]) == ("alice", claims["groups"], ["openid", "orders/read"])
    assert (said["pool"], said["is_machine"], said["is_bearer"]) == ("eu-west-1_TestPool1", False, by == "bearer")
    assert said["sub"]
    assert said["raw"].count(".") == 2
    if by == "bearer":
        assert said["raw"] == raw


@signed_in
@pytest.mark.parametrize("by", ["bearer", "session"])
def test_its_repr_tells_no_secret(client: Client, by: str) -> None:
    raw = make_token()
    sign_in(client)
    said = client.get("/cognito/", headers=bearer(raw) if by == "bearer" else {}).json()
    assert said["repr"] == f"<RequestCognito <AccessToken sub={said['sub']} pool=eu-west-1_TestPool1>>"


@signed_in
def test_a_bearer_request_never_speaks_for_the_session(client: Client) -> None:
    sign_in(client, "carol", groups=["admins"])
    said = client.get("/cognito/", headers=bearer(make_token())).json()
    assert (said["user"], said["groups"]) == ("alice", [])
    said = client.get("/cognito/").json()
    assert (said["user"], said["groups"]) == ("carol", ["admins"])


@signed_in
def test_the_person_of_a_session_can_be_kept_without_its_token(client: Client) -> None:
    sign_in(client, groups=["editors"])
    request = client.get("/who/").wsgi_request
    raw = request.cognito.raw
    assert raw.encode() not in pickle.dumps(request.user)
    for kept in (copy(request.user), deepcopy(request.user), pickle.loads(pickle.dumps(request.user))):
        assert kept == request.user
        assert "eyJ" not in repr(vars(kept))


@signed_in
def test_a_bearer_token_silences_a_session_that_was_looked_at(client: Client) -> None:
    sign_in(client, "carol", groups=["admins"])
    request: Any = client.get("/cognito/").wsgi_request
    raw = make_token()
    user, token = authenticate(raw)
    request.cognito.set_bearer(user, token, raw)
    assert (request.cognito.raw, request.cognito.token, request.cognito.is_bearer) == (raw, token, True)
    assert request.cognito.groups == ()


@signed_in
@pytest.mark.usefixtures("cognito_down")
def test_a_bearer_token_does_not_fail_as_a_session_did(client: Client) -> None:
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
def test_the_pool_is_the_configured_one() -> None:
    cognito = RequestCognito(RequestFactory().get("/"))
    user, token = authenticate(raw := make_token())
    cognito.set_bearer(user, token, raw)
    assert cognito.pool is get_settings().user_pool


TWO = {
    "acme": {"USER_POOL_ID": "eu-west-1_AcmePool1", "CLIENT_ID": "1acme"},
    "zen": {"USER_POOL_ID": "us-east-1_ZenPool01", "CLIENT_ID": "1zen"},
}


@signed_in
@pytest.mark.parametrize("by", ["bearer", "session"])
@pytest.mark.parametrize("alias", TWO)
def test_the_pool_is_the_one_that_the_token_is_from(client: Client, settings: Any, by: str, alias: str) -> None:
    settings.COGNITO = {"POOLS": TWO}
    if by == "session":
        sign_in(client, alias=alias)
    said = client.get("/cognito/", headers=bearer(make_token(alias=alias)) if by == "bearer" else {}).json()
    assert (said["user"], said["pool"]) == ("alice", TWO[alias]["USER_POOL_ID"])


@signed_in
@pytest.mark.parametrize("path", ["/cognito/", "/cognito/async/"])
@pytest.mark.parametrize("left", ["acme", "zen"])
def test_a_session_of_a_pool_that_was_taken_out_speaks_for_nobody(
    client: Client, settings: Any, path: str, left: str
) -> None:
    settings.COGNITO = {"POOLS": {**TWO, "zen": {**TWO["zen"], "GROUPS": {"admins": {"permissions": ["a.b"]}}}}}
    sign_in(client, alias="zen", groups=["admins"])
    settings.COGNITO = {"POOLS": {"acme": {**TWO["acme"], "GROUPS": {"admins": {"permissions": ["a.b"]}}}}}
    if left == "zen":
        settings.COGNITO = {"POOLS": {"zen": {**TWO["zen"], "CLIENT_ID": "1another"}}}
    said = client.get(path).json()
    assert (said["user"], said["pool"], said["groups"], said["raw"]) == ("", None, [], "")
    assert dict(client.session.items()) == {}
