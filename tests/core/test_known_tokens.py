"""Tokens that are known: the same object again, for as long as nothing has changed that its verdict hangs on."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from django_cognito.core import TokenVerifier, UserPool
from django_cognito.core.errors import ClientError, ExpiredTokenError, SignatureError, TokenUseError
from django_cognito.core.key_store import KeyStore

from .signing import jwks, sign

POOL = UserPool("eu-west-1_AbCdEfGhI", client_ids=("1webclient", "2appclient"))
NOW = 1_800_000_000
CLAIMS: dict[str, Any] = {
    "iss": POOL.issuers[0],
    "sub": "a1b2",
    "username": "somebody",
    "client_id": "1webclient",
    "token_use": "access",
    "iat": NOW - 10,
    "exp": NOW + 3_590,
}


def make(moment: Callable[[], float] = lambda: NOW, **options: Any) -> TokenVerifier:
    verifier = TokenVerifier(POOL, now=moment, **options)
    verifier.load_jwks(POOL, jwks("one"))
    return verifier


def token(**claims: Any) -> str:
    return sign({**CLAIMS, **claims})


def test_a_known_token_is_the_same_object_again() -> None:
    verifier, raw = make(), token()
    assert verifier.verify(raw) is verifier.verify(raw)
    assert not verifier.needs_fetch(raw)


@pytest.mark.parametrize("options", [{"cache_size": 0}, {"cache_size": 1, "max_bytes": 16_384}])
def test_none_is_kept_where_none_is_to_be_and_none_that_is_long(options: dict[str, int]) -> None:
    verifier, raw = make(**options), token(padding="x" * (5_000 if options["cache_size"] else 0))
    assert verifier.verify(raw) is not verifier.verify(raw)


def test_the_first_one_goes_where_there_are_too_many() -> None:
    verifier = make(cache_size=2)
    first, second, third = (token(jti=name) for name in "abc")
    tokens = [verifier.verify(raw) for raw in (first, second, third)]
    assert verifier.verify(third) is tokens[2]
    assert verifier.verify(second) is tokens[1]
    assert verifier.verify(first) is not tokens[0]


def test_a_known_token_ends_at_its_time() -> None:
    moment = [float(NOW)]
    verifier, raw = make(lambda: moment[0], leeway_seconds=10), token()
    known = verifier.verify(raw)
    moment[0] = CLAIMS["exp"] + 9.0
    assert verifier.verify(raw) is known
    moment[0] = CLAIMS["exp"] + 10.0
    with pytest.raises(ExpiredTokenError):
        verifier.verify(raw)


def test_what_a_call_asks_for_counts_for_known_tokens_too() -> None:
    verifier, raw = make(), token()
    verifier.verify(raw)
    with pytest.raises(TokenUseError):
        verifier.verify(raw, token_use="id")
    with pytest.raises(ClientError):
        verifier.verify(raw, client_ids=("2appclient",))
    asked = ["1webclient"]
    assert verifier.verify(raw, client_ids=asked)
    asked[0] = "2appclient"
    with pytest.raises(ClientError):
        verifier.verify(raw, client_ids=asked)


def test_a_known_token_ends_with_its_key() -> None:
    verifier, raw = make(), token()
    verifier.verify(raw)
    verifier.load_jwks(POOL, jwks("two"))
    with pytest.raises(SignatureError) as refused:
        verifier.verify(raw)
    assert refused.value.code == "unknown_key"


def test_another_signature_is_another_token() -> None:
    verifier, raw = make(), token()
    verifier.verify(raw)
    head, _, signature = raw.rpartition(".")
    with pytest.raises(SignatureError):
        verifier.verify(f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}")


def test_a_login_neither_finds_nor_leaves_a_known_token(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    in_hand = KeyStore.in_hand
    verifier, raw = make(), token(nonce="n")
    first = verifier.verify(raw, nonce="n")
    assert verifier.verify(raw) is not first
    monkeypatch.setattr(KeyStore, "in_hand", lambda store, kid: asked.append(kid) or in_hand(store, kid))
    assert verifier.verify(raw, nonce="n") is not verifier.verify(raw)
    assert asked


def test_threads_share_a_small_cache() -> None:
    verifier = make(cache_size=2)
    raws = {token(sub=name): name for name in "abcdefgh"}
    wrong: list[object] = []

    def hammer() -> None:
        for _ in range(40):
            wrong.extend(raw for raw, name in raws.items() if verifier.verify(raw).sub != name)

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
