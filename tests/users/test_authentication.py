"""The one function: a raw token becomes (user, token), and two tokens only where they are one sign-in's."""

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
from tests.support.user_scenario import token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]
CLIENT = "1testclient23456789"


def id_token(**claims: Any) -> str:
    """Alice's ID token."""
    return token(token_use="id", **claims)


def code_of(*arguments: Any, **named: Any) -> str:
    """The code of the refusal; nothing was written."""
    with pytest.raises(TokenError) as refused:
        authenticate(*arguments, **named)
    assert not User.objects.exists()
    return refused.value.code


def test_a_token_gives_its_user_and_itself() -> None:
    user, verified = authenticate(token("editors"))
    assert isinstance(verified, AccessToken)
    assert (user.username, verified.username, verified.groups) == ("alice", "alice", ("editors",))


def test_a_machines_token_needs_no_database(django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        user, verified = authenticate(token(username=None, sub=CLIENT))
    assert isinstance(verified, ClientToken)
    assert user.pk == CLIENT


# Which kind


def test_left_out_the_setting_says_which_kind_is_due(cognito) -> None:
    assert code_of(id_token()) == "wrong_token_use"
    cognito(TOKEN_USE="id")
    assert code_of(token()) == "wrong_token_use"
    assert isinstance(authenticate(id_token())[1], IdToken)


def test_a_call_may_say_which_kind_is_due(cognito) -> None:
    assert code_of(token(), token_use="id") == "wrong_token_use"
    cognito(TOKEN_USE="id")
    assert isinstance(authenticate(token(), token_use="access")[1], AccessToken)


@pytest.mark.parametrize(("make", "kind"), [(token, AccessToken), (id_token, IdToken)])
def test_none_must_be_said_and_means_either(make, kind) -> None:
    assert isinstance(authenticate(make(), token_use=None)[1], kind)


def test_a_call_may_name_the_clients() -> None:
    assert code_of(token(), client_ids=["another"]) == "wrong_client"
    assert authenticate(token(client_id="another"), client_ids=["another"])[1].client_id == "another"


@pytest.mark.parametrize("raw", ["", "a.b.c", "a.b.c.d.e", "x" * 20_000, None, 5, b"a.b.c"])
def test_what_is_no_token_is_refused(raw) -> None:
    assert code_of(raw) in ("malformed_token", "refresh_token")


# Two tokens


def test_the_id_token_gives_the_profile_and_the_token_is_that_of_the_raw() -> None:
    user, verified = authenticate(token(), id_token=id_token(given_name="Alice", nonce="n"), nonce="n")
    assert isinstance(verified, AccessToken)
    assert (user.first_name, user.email) == ("Alice", "alice@example.com")


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"username": "bob"}, "token_mismatch"),
        ({"sub": "somebody-else"}, "token_mismatch"),
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
def test_an_id_token_of_another_sign_in_is_refused(claims, code) -> None:
    assert code_of(token(), id_token=id_token(**{"nonce": "n", **claims}), nonce="n") == code


def test_an_id_token_for_another_accepted_client_is_refused(cognito) -> None:
    cognito(CLIENT_IDS=[CLIENT, "another"])
    assert code_of(token(), id_token=id_token(aud="another")) == "wrong_client"
    assert authenticate(token(client_id="another"), id_token=id_token(aud="another"))


@pytest.mark.defends("RP-11")
def test_the_at_hash_of_the_very_access_token_holds() -> None:
    raw = token()
    half = base64.urlsafe_b64encode(hashlib.sha256(raw.encode()).digest()[:16]).rstrip(b"=").decode()
    assert authenticate(raw, id_token=id_token(at_hash=half))
    other = token(jti="another")
    assert other != raw
    with pytest.raises(TokenError) as refused:
        authenticate(other, id_token=id_token(at_hash=half))
    assert refused.value.code == "at_hash_mismatch"


def test_tokens_of_a_pool_that_names_no_sign_in_go_together() -> None:
    assert authenticate(token(origin_jti=None), id_token=id_token(origin_jti=None))


def test_beside_an_id_token_an_id_token_speaks_of_no_other(cognito) -> None:
    cognito(TOKEN_USE="id")
    raw = id_token(at_hash="AAAAAAAAAAAAAAAAAAAAAA")  # of the access token that is not here
    assert isinstance(authenticate(raw, id_token=raw)[1], IdToken)
    assert isinstance(authenticate(id_token(), id_token=raw)[1], IdToken)
    with pytest.raises(TokenError) as refused:
        authenticate(raw, id_token=id_token(username="bob"))
    assert refused.value.code == "token_mismatch"


def test_an_access_token_is_no_id_token() -> None:
    assert code_of(token(), id_token=token()) == "wrong_token_use"


def test_a_machines_token_goes_with_no_persons_id_token() -> None:
    assert code_of(token(username=None, sub=CLIENT), id_token=id_token()) == "token_mismatch"


@pytest.mark.parametrize(("make", "code"), BAD_ID_TOKENS.values(), ids=BAD_ID_TOKENS)
def test_id_token_of_another_sign_in_is_rejected(make: Callable[[], str], code: str) -> None:
    assert code_of(make_token(), id_token=make()) == code


def test_an_empty_id_token_is_one_too() -> None:
    assert code_of(token(), id_token="") == "malformed_token"


def test_a_bad_access_token_is_not_saved_by_a_good_id_token() -> None:
    assert code_of(token(client_id="another"), id_token=id_token()) == "wrong_client"


def test_no_refusal_holds_a_token() -> None:
    raw, beside = token(), id_token(username="bob")
    with pytest.raises(TokenError) as refused:
        authenticate(raw, id_token=beside)
    assert not any(part in repr(refused.value) + str(refused.value) for part in (*raw.split("."), *beside.split(".")))


def test_verifying_needs_no_database(django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        verified, profile = verify(token(), id_token=id_token())
    assert isinstance(verified, AccessToken)
    assert isinstance(profile, IdToken)


# The async twin


@pytest.mark.django_db(transaction=True)
def test_the_async_twin_does_the_same() -> None:
    user, verified = async_to_sync(aauthenticate)(
        token("editors"), id_token=id_token(given_name="Alice", nonce="n"), nonce="n"
    )
    assert (user.first_name, verified.groups) == ("Alice", ("editors",))
    assert CognitoUser.objects.get().user == user


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("named", "code"),
    [
        ({"token_use": "id"}, "wrong_token_use"),
        ({"client_ids": ["x"]}, "wrong_client"),
        ({"nonce": "n"}, "nonce_mismatch"),
    ],
)
def test_the_async_twin_refuses_the_same(named, code) -> None:
    with pytest.raises(TokenError) as refused:
        async_to_sync(aauthenticate)(token(), **named)
    assert refused.value.code == code


def test_the_twins_take_the_same_arguments() -> None:
    assert inspect.signature(authenticate).parameters == inspect.signature(aauthenticate).parameters


@pytest.mark.parametrize("run", [lambda call: asyncio.run(call()), lambda call: async_to_sync(call)()])
def test_keys_are_fetched_neither_in_the_event_loop_nor_in_the_orms_thread(monkeypatch, run) -> None:
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

    others = run(call)
    assert len(threads) == 1
    assert others.isdisjoint(threads)


def test_with_the_keys_in_hand_verifying_takes_no_thread(monkeypatch) -> None:
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
    """From now on the configured pool's keys have to be fetched."""
    factories.reset()
    factories.get_verifier()._key_stores.for_pool(get_settings().user_pool)._fetch = fetch


def test_an_outage_is_no_refusal() -> None:
    def fetch(url: str) -> bytes:
        raise CognitoUnavailableError("no answer")

    _fetch_keys_by(fetch)
    with pytest.raises(CognitoUnavailableError):
        authenticate(token())
    assert not User.objects.exists()
