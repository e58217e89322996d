"""The validator of django-cognito-jwt, in the site that benchmarks/site configures."""

import json
from collections.abc import Callable
from pathlib import Path

from ..site.start import start
from ..tokens import Scenario


def prepare_key_fetching(scenario: Scenario, origin: str) -> Callable[[str], object]:
    """Return a function that creates a validator for each token, as its DRF class does. The key cache is enabled."""
    (Path(scenario.folder) / "services.json").write_text(json.dumps({"database": "postgres", "origin": origin}))
    start(scenario, "django-cognito-jwt-cached")
    from django_cognito_jwt.validator import TokenValidator

    region = scenario.user_pool_id.split("_")[0]
    return lambda raw: TokenValidator(region, scenario.user_pool_id, None).validate(raw)
