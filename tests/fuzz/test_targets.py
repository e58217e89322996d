"""The fuzz targets themselves: without atheris, on their own seeds."""

from types import ModuleType
from typing import Any

import pytest

from django_cognito.core.tokens import jwks as core_jwks
from django_cognito.core.tokens import jws as core_compact
from django_cognito.core.tokens import verifier as core_verifier
from tests.core.tokens.pyjwt_comparison import NOW

from . import compact, key_set, verify

TARGETS = [compact, key_set, verify]


@pytest.fixture(autouse=True)
def _nothing_is_known_yet() -> None:
    verify.verifiers.cache_clear()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__.rpartition(".")[2])
def test_nothing_is_found_in_a_seed(target: ModuleType) -> None:
    seeds = list(target.seeds())
    for seed in (*seeds, b""):
        target.judge(seed)
    assert len(set(seeds)) > 5


@pytest.mark.parametrize(
    ("target", "room", "name", "broken"),
    [
        (compact, core_compact, "_decode_base64url", lambda _: b"{}"),
        (key_set, core_jwks, "_KEY_BITS", range(1, 100_000)),
        (verify, core_verifier, "find_accepted_client", lambda *_: 1 / 0),
        (verify, core_verifier, "verify_claims", lambda *_: (0, NOW)),
    ],
)
def test_a_flaw_is_found(monkeypatch: pytest.MonkeyPatch, target: Any, room: Any, name: str, broken: Any) -> None:
    monkeypatch.setattr(room, name, broken)
    with pytest.raises((AssertionError, ZeroDivisionError)):
        _judge_seeds(target)


def _judge_seeds(target: Any) -> None:
    for seed in target.seeds():
        target.judge(seed)
