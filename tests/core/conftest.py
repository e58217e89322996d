"""The profiles of the property tests: by default few cases, and the same ones each time; and both ways to decode."""

import pytest
from hypothesis import settings

from django_cognito.core.tokens import decoding

# `pytest tests/core --hypothesis-profile=thorough`: half an hour of other cases each time.
settings.register_profile("thorough", max_examples=20_000, deadline=None, print_blob=True)


@pytest.fixture(params=["with speed", "without speed"])
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode tokens as with the extra `speed`, and as without it."""
    assert decoding.HAS_SPEED
    monkeypatch.setattr(decoding, "HAS_SPEED", request.param == "with speed")
