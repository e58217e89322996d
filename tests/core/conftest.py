"""The profiles of the property tests: by default few cases, and the same ones each time."""

from hypothesis import settings

# `pytest tests/core --hypothesis-profile=thorough`: half an hour of other cases each time.
settings.register_profile("thorough", max_examples=20_000, deadline=None, print_blob=True)
