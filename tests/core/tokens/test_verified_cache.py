"""Cached tokens: the same object again, until anything changes that its verdict depends on."""

import gc
import os
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from types import FunctionType, ModuleType
from typing import Any

import pytest
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito.core import TokenVerifier, UserPool
from django_cognito.core.errors import (
    ClientError,
    CognitoError,
    CognitoUnavailableError,
    ExpiredTokenError,
    ImmatureTokenError,
    SignatureError,
)
from django_cognito.core.tokens.key_store import KeyStore, KeyStores
from django_cognito.core.tokens.verified_cache import CacheEntry, VerifiedTokenCache
from tests.support.clock import Clock
from tests.support.signing import jwk, jwks, segment, sign

from .forging import needs_fetch

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


def make_verifier(moment: Callable[[], float] = lambda: NOW, **options: Any) -> TokenVerifier:
    verifier = TokenVerifier(POOL, now=moment, **options)
    verifier.load_jwks(POOL, jwks("one"))
    return verifier


def token(**claims: Any) -> str:
    return sign({**CLAIMS, **claims})


def test_cached_token_is_the_same_object() -> None:
    verifier, raw = make_verifier(), token()
    assert verifier.verify(raw) is verifier.verify(raw)
    assert not needs_fetch(verifier, raw)


@pytest.mark.parametrize("options", [{"cache_size": 0}, {"cache_size": 1, "max_bytes": 16_384}])
def test_long_token_or_cache_of_size_0_is_not_cached(options: dict[str, int]) -> None:
    verifier, raw = make_verifier(**options), token(padding="x" * (5_000 if options["cache_size"] else 0))
    assert verifier.verify(raw) is not verifier.verify(raw)


def make_entry(name: str) -> CacheEntry:
    """Return a cache entry. Only its name matters."""
    return CacheEntry(name, None, None, "one", None, 0, 1)  # type: ignore[arg-type]


@pytest.mark.defends("RP-21")
def test_cache_key_is_the_digest_of_the_whole_token() -> None:
    assert VerifiedTokenCache(1).cache_key("a.b.c") == sha256(b"a.b.c").digest()
    assert VerifiedTokenCache(1).cache_key("x" * 4_096)


@pytest.mark.parametrize("raw", ["x" * 4_097, "\u00e9", "\ud800", b"a.b.c", None, 5, [], ...])
def test_long_or_non_ascii_token_has_no_cache_key(raw: object) -> None:
    assert VerifiedTokenCache(1).cache_key(raw) is None


def test_cache_of_size_0_has_no_cache_key() -> None:
    assert VerifiedTokenCache(0).cache_key("a.b.c") is None


def test_full_cache_evicts_the_oldest_entry() -> None:
    tokens = VerifiedTokenCache(3)
    for name in "abcade":  # adding an entry again does not move it
        tokens.add(name.encode(), make_entry(name))
        assert len(tokens) <= 3
    assert list(tokens) == [b"c", b"d", b"e"]


def test_cache_may_be_emptied_during_an_eviction() -> None:
    class EmptiedCache(VerifiedTokenCache):
        def popitem(self, last: bool = True) -> Any:
            self.clear()  # as another thread may do after the check of the length
            return super().popitem(last)

    tokens = EmptiedCache(0)
    tokens.add(b"a", make_entry("a"))
    assert not tokens


def test_verifier_with_full_cache_evicts_the_oldest_token() -> None:
    verifier = make_verifier(cache_size=2)
    first, second, third = (token(jti=name) for name in "abc")
    tokens = [verifier.verify(raw) for raw in (first, second, third)]
    assert verifier.verify(third) is tokens[2]
    assert verifier.verify(second) is tokens[1]
    assert verifier.verify(first) is not tokens[0]


@pytest.mark.parametrize("late", [10, 10.5, 11, 3_600, 10**9])
def test_cached_token_expires(late: float) -> None:
    moment = [float(NOW)]
    verifier, raw = make_verifier(lambda: moment[0], leeway_seconds=10), token()
    cached = verifier.verify(raw)
    moment[0] = CLAIMS["exp"] + 9.0
    assert verifier.verify(raw) is cached
    moment[0] = CLAIMS["exp"] + late
    with pytest.raises(ExpiredTokenError):
        verifier.verify(raw)
    moment[0] = NOW
    assert verifier.verify(raw)


def test_cached_token_is_not_valid_before_nbf() -> None:
    moment = [float(NOW)]
    verifier, raw = make_verifier(lambda: moment[0], leeway_seconds=10), token(iat=NOW - 10, nbf=NOW + 5)
    cached = verifier.verify(raw)
    moment[0] = NOW - 5.0
    assert verifier.verify(raw) is cached
    moment[0] = NOW - 6.0
    with pytest.raises(ImmatureTokenError):
        verifier.verify(raw)
    moment[0] = NOW
    assert verifier.verify(raw)


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ({}, {"client_ids": ("2appclient",)}, "wrong_client"),
        ({}, {"client_ids": "2appclient"}, "wrong_client"),
        ({}, {"client_ids": ()}, "wrong_client"),
        ({}, {"token_use": "id"}, "wrong_token_use"),
        ({"client_ids": ["1webclient"]}, {"client_ids": ["2appclient"]}, "wrong_client"),
        ({"client_ids": ["1webclient", "2appclient"]}, {"client_ids": ["2appclient"]}, "wrong_client"),
        ({"token_use": None}, {"token_use": "id"}, "wrong_token_use"),
        ({"token_use": "access"}, {"token_use": "id"}, "wrong_token_use"),
        ({"token_use": "access"}, {"token_use": "access", "client_ids": ["2appclient"]}, "wrong_client"),
        ({"client_ids": ["1webclient"]}, {"client_ids": ["1webclient"], "token_use": "id"}, "wrong_token_use"),
        ({}, {"nonce": "another"}, "nonce_mismatch"),
    ],
    ids=str,
)
def test_cached_token_gets_the_verdict_for_each_call(first: dict[str, Any], second: dict[str, Any], code: str) -> None:
    verifier, raw = make_verifier(), token()
    cached = verifier.verify(raw, **first)
    assert verifier.verify(raw, **first) is cached
    for _ in range(2):
        assert error_code(verifier, raw, **second) == code
    assert verifier.verify(raw, **first) is cached


def error_code(verifier: TokenVerifier, raw: str, **expected: Any) -> str:
    with pytest.raises(CognitoError) as caught:
        verifier.verify(raw, **expected)
    return caught.value.code


def test_refused_token_is_not_cached() -> None:
    verifier, raw = make_verifier(), token(client_id="2appclient")
    assert [error_code(verifier, raw, client_ids=("1webclient",)) for _ in range(2)] == ["wrong_client"] * 2
    assert verifier.verify(raw)
    assert error_code(verifier, raw, client_ids=("1webclient",)) == "wrong_client"


def test_changed_list_of_client_ids_applies_to_cached_tokens() -> None:
    verifier, raw = make_verifier(), token()
    client_ids = ["1webclient"]
    assert verifier.verify(raw, client_ids=client_ids)
    client_ids[0] = "2appclient"
    with pytest.raises(ClientError):
        verifier.verify(raw, client_ids=client_ids)


@pytest.mark.parametrize(
    ("keys", "code"), [(jwks("two"), "unknown_key"), ({"keys": [jwk("two", kid="one")]}, "invalid_signature")]
)
def test_cached_token_is_refused_without_its_key(keys: Any, code: str) -> None:
    verifier, raw = make_verifier(), token()
    verifier.verify(raw)
    verifier.load_jwks(POOL, keys)
    with pytest.raises(SignatureError) as caught:
        verifier.verify(raw)
    assert caught.value.code == code


def test_cached_token_with_another_signature_is_refused() -> None:
    verifier, raw = make_verifier(), token()
    verifier.verify(raw)
    head, _, signature = raw.rpartition(".")
    with pytest.raises(SignatureError):
        verifier.verify(f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}")


@pytest.mark.parametrize("header", [{"alg": "RS256", "kid": "one"}, {"kid": "one", "alg": "HS256"}, {"kid": "one"}])
def test_cached_token_with_another_header_is_refused(header: dict[str, str]) -> None:
    verifier, raw = make_verifier(), token()
    verifier.verify(raw)
    _, rest = raw.split(".", 1)
    forged = f"{segment(header)}.{rest}"
    assert forged != raw
    assert error_code(verifier, forged) == "invalid_signature"


def test_verification_with_a_nonce_bypasses_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    kids: list[str] = []
    get_cached_key = KeyStore.get_cached_key
    verifier, raw = make_verifier(), token(nonce="n")
    first = verifier.verify(raw, nonce="n")
    assert verifier.verify(raw) is not first
    monkeypatch.setattr(KeyStore, "get_cached_key", lambda store, kid: kids.append(kid) or get_cached_key(store, kid))
    assert verifier.verify(raw, nonce="n") is not verifier.verify(raw)
    assert kids


@pytest.mark.defends("RP-22")
def test_threads_share_a_small_cache() -> None:
    verifier = make_verifier(cache_size=8)
    raws = {token(sub=name): name for name in "abcdefghijklmnop"}
    mismatches: list[object] = []

    def verify_all() -> None:
        for _ in range(20):
            mismatches.extend(raw for raw, name in raws.items() if verifier.verify(raw).sub != name)

    threads = [threading.Thread(target=verify_all) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert mismatches == []
    assert len(verifier._cache) == 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_child_has_its_own_copy_of_the_cache() -> None:
    verifier, raw, other = make_verifier(), token(), token(jti="other")
    cached = verifier.verify(raw)
    if (child := os.fork()) == 0:
        is_cached = verifier.verify(raw) is cached and verifier.verify(other) is verifier.verify(other)
        os._exit(0 if is_cached else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert list(verifier._cache) == [verifier._cache.cache_key(raw)]


def test_cache_contains_no_part_of_the_raw_token() -> None:
    verifier, raw = make_verifier(), token()
    verifier.verify(raw)
    verifier.verify(raw, client_ids=("1webclient",))
    parts = {raw, *raw.split("."), raw.rpartition(".")[0]}
    texts = [value for value in reachable_objects(list(verifier._cache.items())) if isinstance(value, str | bytes)]
    assert b"".join(texts_as_bytes(texts)).count(b"somebody") == 1  # the search has reached the claims
    assert not [part for part in parts for text in texts_as_bytes(texts) if part.encode() in text]


def reachable_objects(start: object) -> Iterator[object]:
    """Yield every object that `start` refers to, except code and the key store."""
    visited, waiting = {id(start)}, [start]
    while waiting:
        value = waiting.pop()
        yield value
        for inner in gc.get_referents(value):
            if id(inner) not in visited and not isinstance(inner, type | ModuleType | FunctionType | KeyStore):
                visited.add(id(inner))
                waiting.append(inner)


def texts_as_bytes(texts: list[str | bytes]) -> list[bytes]:
    return [text.encode() if isinstance(text, str) else text for text in texts]


# Keys that have to be fetched


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(json_answer(jwks("one", "two"))) as started:
        yield started


@pytest.fixture
def remote(server: ScriptedServer, clock: Clock) -> TokenVerifier:
    """Return a verifier that fetches its keys, refreshes them after 80 s and drops them after 1,000 s."""
    pool = UserPool(POOL.user_pool_id, client_ids="1webclient", issuer=f"{server.url}/{POOL.user_pool_id}")
    stores = KeyStores(max_age_seconds=100, hard_max_age_seconds=1_000, now=clock)
    return TokenVerifier(pool, key_stores=stores, now=lambda: NOW)


@pytest.fixture
def raw(remote: TokenVerifier) -> str:
    return token(iss=remote.pools[0].issuers[0])


def test_cached_token_stays_if_a_refresh_returns_the_same_key(
    remote: TokenVerifier, raw: str, server: ScriptedServer, clock: Clock
) -> None:
    cached = remote.verify(raw)
    clock.now += 100
    remote.hydrate()
    assert server.count == 2
    assert remote.verify(raw) is cached


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param(jwks("two"), "unknown_key", id="removed"),
        pytest.param({"keys": [jwk("two", kid="one")]}, "invalid_signature", id="replaced"),
        pytest.param({"keys": [jwk(use="enc"), jwk("two")]}, "unknown_key", id="other use"),
    ],
)
def test_cached_token_is_refused_if_its_key_changes(
    remote: TokenVerifier, raw: str, server: ScriptedServer, clock: Clock, document: Any, code: str
) -> None:
    remote.verify(raw)
    server.script(json_answer(document))
    clock.now += 100
    remote.hydrate()
    assert error_code(remote, raw) == code


def test_cached_token_is_unavailable_past_hard_max_age_of_its_key(
    remote: TokenVerifier, raw: str, server: ScriptedServer, clock: Clock
) -> None:
    remote.verify(raw)
    assert not needs_fetch(remote, raw)
    server.script(Answer(500))
    clock.now += 1_000
    assert needs_fetch(remote, raw)
    with pytest.raises(CognitoUnavailableError):
        remote.verify(raw)


def test_cached_token_starts_a_background_refresh(
    remote: TokenVerifier, raw: str, server: ScriptedServer, clock: Clock
) -> None:
    cached = remote.verify(raw)
    clock.now += 80
    assert remote.verify(raw) is cached
    for thread in threading.enumerate():
        if thread.name == "cognito-keys":
            thread.join(60)
    assert server.count == 2
