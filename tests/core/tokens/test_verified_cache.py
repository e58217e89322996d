"""Tokens that are known: the same object again, for as long as nothing has changed that its verdict hangs on."""

import gc
import os
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from types import FunctionType, ModuleType
from typing import Any

import pytest

from django_cognito.core import TokenVerifier, UserPool
from django_cognito.core.errors import (
    ClientError,
    CognitoError,
    CognitoUnavailableError,
    ExpiredTokenError,
    ImmatureTokenError,
    SignatureError,
    TokenUseError,
)
from django_cognito.core.tokens.key_store import KeyStore, KeyStores
from django_cognito.core.tokens.verified_cache import CacheEntry, VerifiedTokenCache
from tests.support.clock import Clock
from tests.support.scripted_server import Answer, ScriptedServer, json_answer
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


def make(moment: Callable[[], float] = lambda: NOW, **options: Any) -> TokenVerifier:
    verifier = TokenVerifier(POOL, now=moment, **options)
    verifier.load_jwks(POOL, jwks("one"))
    return verifier


def token(**claims: Any) -> str:
    return sign({**CLAIMS, **claims})


def test_a_known_token_is_the_same_object_again() -> None:
    verifier, raw = make(), token()
    assert verifier.verify(raw) is verifier.verify(raw)
    assert not needs_fetch(verifier, raw)


@pytest.mark.parametrize("options", [{"cache_size": 0}, {"cache_size": 1, "max_bytes": 16_384}])
def test_none_is_kept_where_none_is_to_be_and_none_that_is_long(options: dict[str, int]) -> None:
    verifier, raw = make(**options), token(padding="x" * (5_000 if options["cache_size"] else 0))
    assert verifier.verify(raw) is not verifier.verify(raw)


def known_as(name: str) -> CacheEntry:
    """Something to keep; what it is made of is looked at by nobody."""
    return CacheEntry(name, None, None, "one", None, 0, 1)  # type: ignore[arg-type]


@pytest.mark.defends("RP-21")
def test_a_token_is_known_by_the_digest_of_all_of_it() -> None:
    assert VerifiedTokenCache(1).cache_key("a.b.c") == sha256(b"a.b.c").digest()
    assert VerifiedTokenCache(1).cache_key("x" * 4_096)


@pytest.mark.parametrize("raw", ["x" * 4_097, "\u00e9", "\ud800", b"a.b.c", None, 5, [], ...])
def test_what_is_long_or_no_ascii_text_has_no_name(raw: object) -> None:
    assert VerifiedTokenCache(1).cache_key(raw) is None


def test_nothing_has_a_name_where_nothing_is_kept() -> None:
    assert VerifiedTokenCache(0).cache_key("a.b.c") is None


def test_no_more_are_kept_than_is_said_and_the_first_one_goes_first() -> None:
    tokens = VerifiedTokenCache(3)
    for name in "abcade":  # what is kept again keeps its place
        tokens.add(name.encode(), known_as(name))
        assert len(tokens) <= 3
    assert list(tokens) == [b"c", b"d", b"e"]


def test_others_may_have_let_all_go_meanwhile() -> None:
    class Raced(VerifiedTokenCache):
        def popitem(self, last: bool = True) -> Any:
            self.clear()  # as other threads may between the look at the length and this
            return super().popitem(last)

    tokens = Raced(0)
    tokens.add(b"a", known_as("a"))
    assert not tokens


def test_the_first_one_goes_where_there_are_too_many() -> None:
    verifier = make(cache_size=2)
    first, second, third = (token(jti=name) for name in "abc")
    tokens = [verifier.verify(raw) for raw in (first, second, third)]
    assert verifier.verify(third) is tokens[2]
    assert verifier.verify(second) is tokens[1]
    assert verifier.verify(first) is not tokens[0]


@pytest.mark.parametrize("late", [10, 10.5, 11, 3_600, 10**9])
def test_a_known_token_ends_at_its_time_and_stays_ended(late: float) -> None:
    moment = [float(NOW)]
    verifier, raw = make(lambda: moment[0], leeway_seconds=10), token()
    known = verifier.verify(raw)
    moment[0] = CLAIMS["exp"] + 9.0
    assert verifier.verify(raw) is known
    moment[0] = CLAIMS["exp"] + late
    with pytest.raises(ExpiredTokenError):
        verifier.verify(raw)


def test_a_known_token_is_not_valid_before_its_time() -> None:
    moment = [float(NOW)]
    verifier, raw = make(lambda: moment[0], leeway_seconds=10), token(iat=NOW - 10, nbf=NOW + 5)
    known = verifier.verify(raw)
    moment[0] = NOW - 5.0
    assert verifier.verify(raw) is known
    moment[0] = NOW - 6.0
    with pytest.raises(ImmatureTokenError):
        verifier.verify(raw)


@pytest.mark.parametrize(
    ("first", "then", "code"),
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
def test_each_call_gets_the_verdict_that_it_asks_for(first: dict[str, Any], then: dict[str, Any], code: str) -> None:
    verifier, raw = make(), token()
    known = verifier.verify(raw, **first)
    assert verifier.verify(raw, **first) is known
    for _ in range(2):
        assert refusal(verifier, raw, **then) == code
    assert verifier.verify(raw, **first) is known


def refusal(verifier: TokenVerifier, raw: str, **asked: Any) -> str:
    with pytest.raises(CognitoError) as refused:
        verifier.verify(raw, **asked)
    return refused.value.code


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


@pytest.mark.parametrize("header", [{"alg": "RS256", "kid": "one"}, {"kid": "one", "alg": "HS256"}, {"kid": "one"}])
def test_the_same_claims_under_another_header_are_another_token(header: dict[str, str]) -> None:
    verifier, raw = make(), token()
    verifier.verify(raw)
    _, rest = raw.split(".", 1)
    forged = f"{segment(header)}.{rest}"
    assert forged != raw
    assert refusal(verifier, forged) == "invalid_signature"


def test_a_login_neither_finds_nor_leaves_a_known_token(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    get_cached_key = KeyStore.get_cached_key
    verifier, raw = make(), token(nonce="n")
    first = verifier.verify(raw, nonce="n")
    assert verifier.verify(raw) is not first
    monkeypatch.setattr(KeyStore, "get_cached_key", lambda store, kid: asked.append(kid) or get_cached_key(store, kid))
    assert verifier.verify(raw, nonce="n") is not verifier.verify(raw)
    assert asked


@pytest.mark.defends("RP-22")
def test_threads_share_a_small_cache() -> None:
    verifier = make(cache_size=8)
    raws = {token(sub=name): name for name in "abcdefghijklmnop"}
    wrong: list[object] = []

    def hammer() -> None:
        for _ in range(20):
            wrong.extend(raw for raw, name in raws.items() if verifier.verify(raw).sub != name)

    threads = [threading.Thread(target=hammer) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert len(verifier._cache) == 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_knows_what_its_parent_knew_and_nothing_that_comes_after() -> None:
    verifier, raw, other = make(), token(), token(jti="other")
    known = verifier.verify(raw)
    if (child := os.fork()) == 0:
        holds = verifier.verify(raw) is known and verifier.verify(other) is verifier.verify(other)
        os._exit(0 if holds else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert list(verifier._cache) == [verifier._cache.cache_key(raw)]


def test_nothing_of_what_came_in_is_kept() -> None:
    verifier, raw = make(), token()
    verifier.verify(raw)
    verifier.verify(raw, client_ids=("1webclient",))
    parts = {raw, *raw.split("."), raw.rpartition(".")[0]}
    texts = [value for value in everything_in(list(verifier._cache.items())) if isinstance(value, str | bytes)]
    assert b"".join(texts_as_bytes(texts)).count(b"somebody") == 1  # the claims were walked through
    assert not [part for part in parts for text in texts_as_bytes(texts) if part.encode() in text]


def everything_in(start: object) -> Iterator[object]:
    """All that `start` holds, short of code and of the keys' store."""
    seen, waiting = {id(start)}, [start]
    while waiting:
        value = waiting.pop()
        yield value
        for inner in gc.get_referents(value):
            if id(inner) not in seen and not isinstance(inner, type | ModuleType | FunctionType | KeyStore):
                seen.add(id(inner))
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
    """A verifier whose keys are fetched: renewed after 80 s, gone after 1,000 s."""
    pool = UserPool(POOL.user_pool_id, client_ids="1webclient", issuer=f"{server.url}/{POOL.user_pool_id}")
    stores = KeyStores(max_age_seconds=100, hard_max_age_seconds=1_000, now=clock)
    return TokenVerifier(pool, key_stores=stores, now=lambda: NOW)


@pytest.fixture
def raw(remote: TokenVerifier) -> str:
    return token(iss=remote.pools[0].issuers[0])


def test_a_known_token_outlives_a_renewal_that_brings_the_same_key(
    remote: TokenVerifier, raw: str, server: ScriptedServer, clock: Clock
) -> None:
    known = remote.verify(raw)
    clock.now += 100
    remote.hydrate()
    assert server.count == 2
    assert remote.verify(raw) is known


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param(jwks("two"), "unknown_key", id="it is withdrawn"),
        pytest.param({"keys": [jwk("two", kid="one")]}, "invalid_signature", id="it is replaced"),
        pytest.param({"keys": [jwk(use="enc"), jwk("two")]}, "unknown_key", id="it is for something else"),
    ],
)
def test_a_known_token_goes_with_its_key(
    remote: TokenVerifier, raw: str, server: ScriptedServer, clock: Clock, document: Any, code: str
) -> None:
    remote.verify(raw)
    server.script(json_answer(document))
    clock.now += 100
    remote.hydrate()
    assert refusal(remote, raw) == code


def test_a_known_token_ends_with_the_hard_age_of_its_key(
    remote: TokenVerifier, raw: str, server: ScriptedServer, clock: Clock
) -> None:
    remote.verify(raw)
    assert not needs_fetch(remote, raw)
    server.script(Answer(500))
    clock.now += 1_000
    assert needs_fetch(remote, raw)
    with pytest.raises(CognitoUnavailableError):
        remote.verify(raw)


def test_a_known_token_has_its_keys_renewed_behind_it(
    remote: TokenVerifier, raw: str, server: ScriptedServer, clock: Clock
) -> None:
    known = remote.verify(raw)
    clock.now += 80
    assert remote.verify(raw) is known
    for thread in threading.enumerate():
        if thread.name == "cognito-keys":
            thread.join(10)
    assert server.count == 2
