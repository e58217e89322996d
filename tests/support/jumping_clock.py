"""Find tests that need two tokens of one second: `python -m pytest -p tests.support.jumping_clock`.

Each token of `django_cognito.testing` sets the process's clock forward by a second. A test that makes two tokens and
counts what the second one costs, or compares rows, fails here always and otherwise once in some hundred runs: fix it
by stating `iat`, or by using one token. It must be named on the command line, so that it is imported before Django.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

_system_time = time.time
_seconds_ahead = 0.0


def _now() -> float:
    return _system_time() + _seconds_ahead


time.time = partial(_now)  # not a function: as a class attribute (a throttle of DRF) it would become a method
timezone.now = lambda: datetime.fromtimestamp(_now(), UTC)


@pytest.fixture(autouse=True)
def _later_with_each_token(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from django_cognito.testing import tokens

    global _seconds_ahead
    _seconds_ahead, build_claims = 0.0, tokens._build_claims

    def jump(*args: Any) -> dict[str, Any]:
        global _seconds_ahead
        claims = build_claims(*args)
        _seconds_ahead += 1
        return claims

    monkeypatch.setattr(tokens, "_build_claims", jump)
    yield
    _seconds_ahead = 0.0
