"""Hypothesis profiles (by default few and fixed cases), and a fixture for decoding with and without `speed`."""

import pytest
from hypothesis import settings

from django_cognito.core.tokens import decoding

# `pytest tests/core --hypothesis-profile=thorough` runs half an hour, with different cases each time.
settings.register_profile("thorough", max_examples=20_000, deadline=None, print_blob=True)


@pytest.fixture(params=["with speed", "without speed"])
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode tokens as if the extra `speed` were installed, and as if it were not."""
    assert decoding.HAS_SPEED
    monkeypatch.setattr(decoding, "HAS_SPEED", request.param == "with speed")
