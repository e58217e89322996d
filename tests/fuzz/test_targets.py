"""The fuzz targets with their own seeds, without atheris."""

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
def _clear_verifiers() -> None:
    verify.create_verifiers.cache_clear()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__.rpartition(".")[2])
def test_target_accepts_its_seeds(target: ModuleType) -> None:
    seeds = list(target.seeds())
    for seed in (*seeds, b""):
        target.check(seed)
    assert len(set(seeds)) > 5


@pytest.mark.parametrize(
    ("target", "module", "name", "faulty"),
    [
        (compact, core_compact, "_decode_base64url", lambda _: b"{}"),
        (key_set, core_jwks, "_KEY_BITS", range(1, 100_000)),
        (verify, core_verifier, "find_accepted_client", lambda *_: 1 / 0),
        (verify, core_verifier, "verify_claims", lambda *_: (0, NOW)),
    ],
)
def test_target_detects_a_fault_in_core(
    monkeypatch: pytest.MonkeyPatch, target: Any, module: Any, name: str, faulty: Any
) -> None:
    monkeypatch.setattr(module, name, faulty)
    with pytest.raises((AssertionError, ZeroDivisionError)):
        _check_seeds(target)


def _check_seeds(target: Any) -> None:
    for seed in target.seeds():
        target.check(seed)
