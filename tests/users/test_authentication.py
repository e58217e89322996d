"""`authenticate` returns the user and the verified token; two tokens must belong to the same sign-in."""

import asyncio
import base64
import hashlib
import inspect
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import User

from django_cognito import factories
from django_cognito.conf.loading import get_settings
from django_cognito.core import AccessToken, ClientToken, IdToken
from django_cognito.core.errors import CognitoUnavailableError, TokenError
from django_cognito.core.tokens.key_store import KeyStore
from django_cognito.models import CognitoUser
from django_cognito.testing import make_token
from django_cognito.testing.keys import jwks
from django_cognito.users.authentication import aauthenticate, authenticate, verify
from tests.support.callers import BAD_ID_TOKENS
from tests.support.scenarios.users import token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]
CLIENT = "1testclient23456789"


def id_token(**claims: Any) -> str:
    """Return an ID token of alice."""
    return token(token_use="id", **claims)


def code_of(*arguments: Any, **keywords: Any) -> str:
    """Return the code of the raised TokenError; assert that nothing was written."""
    with pytest.raises(TokenError) as raised:
        authenticate(*arguments, **keywords)
    assert not User.objects.exists()
    return raised.value.code


def test_access_token_returns_its_user_and_verified_token() -> None:
    user, verified = authenticate(token("editors"))
    assert isinstance(verified, AccessToken)
    assert (user.username, verified.username, verified.groups) == ("alice", "alice", ("editors",))


def test_client_token_makes_no_query(django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        user, verified = authenticate(token(username=None, sub=CLIENT))
    assert isinstance(verified, ClientToken)
    assert user.pk == CLIENT


# Token use


def test_token_use_defaults_to_the_setting(cognito) -> None:
    assert code_of(id_token()) == "wrong_token_use"
    cognito(TOKEN_USE="id")
    assert code_of(token()) == "wrong_token_use"
    assert isinstance(authenticate(id_token())[1], IdToken)


def test_token_use_argument_overrides_the_setting(cognito) -> None:
    assert code_of(token(), token_use="id") == "wrong_token_use"
    cognito(TOKEN_USE="id")
    assert isinstance(authenticate(token(), token_use="access")[1], AccessToken)


@pytest.mark.parametrize(("make", "kind"), [(token, AccessToken), (id_token, IdToken)])
def test_token_use_none_accepts_either_token(make, kind) -> None:
    assert isinstance(authenticate(make(), token_use=None)[1], kind)


def test_client_ids_argument_overrides_the_setting() -> None:
    assert code_of(token(), client_ids=["another"]) == "wrong_client"
    assert authenticate(token(client_id="another"), client_ids=["another"])[1].client_id == "another"


@pytest.mark.parametrize("raw", ["", "a.b.c", "a.b.c.d.e", "x" * 20_000, None, 5, b"a.b.c"])
def test_malformed_token_is_rejected(raw) -> None:
    assert code_of(raw) in ("malformed_token", "refresh_token")


# Two tokens


def test_id_token_fills_the_profile_and_access_token_is_returned() -> None:
    user, verified = authenticate(token(), id_token=id_token(given_name="Alice", nonce="n"), nonce="n")
    assert isinstance(verified, AccessToken)
    assert (user.first_name, user.email) == ("Alice", "alice@example.com")


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"username": "bob"}, "token_mismatch"),
        ({"sub": "another-sub"}, "token_mismatch"),
        ({"origin_jti": "another"}, "token_mismatch"),
        ({"origin_jti": None}, "token_mismatch"),
        ({"aud": "another"}, "wrong_client"),
        ({"iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other"}, "wrong_issuer"),
        ({"nonce": "other"}, "nonce_mismatch"),
        ({"nonce": None}, "nonce_mismatch"),
        ({"nonce": ["n"]}, "nonce_mismatch"),
        ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "at_hash_mismatch"),
        ({"exp": 5}, "token_expired"),
    ],
)
def test_mismatched_id_token_is_rejected_with_its_code(claims, code) -> None:
    assert code_of(token(), id_token=id_token(**{"nonce": "n", **claims}), nonce="n") == code


def test_id_token_of_another_accepted_client_is_rejected(cognito) -> None:
    cognito(CLIENT_IDS=[CLIENT, "another"])
    assert code_of(token(), id_token=id_token(aud="another")) == "wrong_client"
    assert authenticate(token(client_id="another"), id_token=id_token(aud="another"))


@pytest.mark.defends("RP-11")
def test_at_hash_of_another_access_token_is_rejected() -> None:
    raw = token()
    half = base64.urlsafe_b64encode(hashlib.sha256(raw.encode()).digest()[:16]).rstrip(b"=").decode()
    assert authenticate(raw, id_token=id_token(at_hash=half))
    other = token(jti="another")
    assert other != raw
    with pytest.raises(TokenError) as raised:
        authenticate(other, id_token=id_token(at_hash=half))
    assert raised.value.code == "at_hash_mismatch"


def test_two_tokens_without_origin_jti_are_accepted() -> None:
    assert authenticate(token(origin_jti=None), id_token=id_token(origin_jti=None))


def test_at_hash_is_ignored_between_two_id_tokens(cognito) -> None:
    cognito(TOKEN_USE="id")
    raw = id_token(at_hash="AAAAAAAAAAAAAAAAAAAAAA")  # of an access token that is not sent
    assert isinstance(authenticate(raw, id_token=raw)[1], IdToken)
    assert isinstance(authenticate(id_token(), id_token=raw)[1], IdToken)
    with pytest.raises(TokenError) as raised:
        authenticate(raw, id_token=id_token(username="bob"))
    assert raised.value.code == "token_mismatch"


def test_access_token_as_id_token_is_rejected() -> None:
    assert code_of(token(), id_token=token()) == "wrong_token_use"


def test_client_token_with_an_id_token_is_rejected() -> None:
    assert code_of(token(username=None, sub=CLIENT), id_token=id_token()) == "token_mismatch"


@pytest.mark.parametrize(("make", "code"), BAD_ID_TOKENS.values(), ids=BAD_ID_TOKENS)
def test_id_token_of_another_sign_in_is_rejected(make: Callable[[], str], code: str) -> None:
    assert code_of(make_token(), id_token=make()) == code


def test_empty_id_token_is_malformed() -> None:
    assert code_of(token(), id_token="") == "malformed_token"


def test_bad_access_token_with_a_valid_id_token_is_rejected() -> None:
    assert code_of(token(client_id="another"), id_token=id_token()) == "wrong_client"


def test_error_contains_no_token() -> None:
    raw, id_raw = token(), id_token(username="bob")
    with pytest.raises(TokenError) as raised:
        authenticate(raw, id_token=id_raw)
    assert not any(part in repr(raised.value) + str(raised.value) for part in (*raw.split("."), *id_raw.split(".")))


def test_verify_makes_no_query(django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        verified, profile = verify(token(), id_token=id_token())
    assert isinstance(verified, AccessToken)
    assert isinstance(profile, IdToken)


# Async version


@pytest.mark.django_db(transaction=True)
def test_aauthenticate_returns_the_same() -> None:
    user, verified = async_to_sync(aauthenticate)(
        token("editors"), id_token=id_token(given_name="Alice", nonce="n"), nonce="n"
    )
    assert (user.first_name, verified.groups) == ("Alice", ("editors",))
    assert CognitoUser.objects.get().user == user


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("keywords", "code"),
    [
        ({"token_use": "id"}, "wrong_token_use"),
        ({"client_ids": ["x"]}, "wrong_client"),
        ({"nonce": "n"}, "nonce_mismatch"),
    ],
)
def test_aauthenticate_rejects_the_same(keywords, code) -> None:
    with pytest.raises(TokenError) as raised:
        async_to_sync(aauthenticate)(token(), **keywords)
    assert raised.value.code == code


def test_aauthenticate_has_the_same_parameters() -> None:
    assert inspect.signature(authenticate).parameters == inspect.signature(aauthenticate).parameters


@pytest.mark.parametrize("run", [lambda call: asyncio.run(call()), lambda call: async_to_sync(call)()])
def test_aauthenticate_fetches_keys_in_a_separate_thread(monkeypatch, run) -> None:
    threads = []
    monkeypatch.setattr("django_cognito.users.authentication.get_token_user", lambda *_: None)

    def fetch(url: str) -> bytes:
        threads.append(threading.current_thread())
        return json.dumps(jwks()).encode()

    _fetch_keys_by(fetch)

    async def call() -> set[threading.Thread]:
        for _ in range(2):
            await aauthenticate(token(), id_token=id_token())
        return {threading.current_thread(), await sync_to_async(threading.current_thread)()}

    other_threads = run(call)
    assert len(threads) == 1
    assert other_threads.isdisjoint(threads)


def test_aauthenticate_with_cached_keys_uses_no_thread(monkeypatch) -> None:
    threads = []
    monkeypatch.setattr("django_cognito.users.authentication.get_token_user", lambda *_: None)
    get_cached_key = KeyStore.get_cached_key
    monkeypatch.setattr(
        KeyStore,
        "get_cached_key",
        lambda store, kid: threads.append(threading.current_thread()) or get_cached_key(store, kid),
    )

    async def call() -> threading.Thread:
        await aauthenticate(token(), id_token=id_token())
        return threading.current_thread()

    loop_thread = asyncio.run(call())
    assert set(threads) == {loop_thread}


def _fetch_keys_by(fetch: Callable[[str], bytes]) -> None:
    """Replace the configured pool's key fetch; no key is cached."""
    factories.discard_instances()
    factories.get_verifier()._key_stores.for_pool(get_settings().user_pool)._fetch = fetch


def test_outage_raises_cognito_unavailable_error() -> None:
    def fetch(url: str) -> bytes:
        raise CognitoUnavailableError("no answer")

    _fetch_keys_by(fetch)
    with pytest.raises(CognitoUnavailableError):
        authenticate(token())
    assert not User.objects.exists()


@pytest.mark.parametrize("call", [authenticate, async_to_sync(aauthenticate)], ids=["sync", "async"])
def test_unknown_argument_raises_type_error(call: Callable[..., Any]) -> None:
    """Also `wait`, which only `verify` has: without it a token would be rejected by an error of the core's."""
    for name in ("wait", "clients"):
        with pytest.raises(TypeError, match=name):
            call(token(), **{name: False})
