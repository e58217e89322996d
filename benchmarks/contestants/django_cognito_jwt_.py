"""django-cognito-jwt's validator, in the site that benchmarks/site sets up for it."""

import json
from collections.abc import Callable
from pathlib import Path

from ..site.start import start
from ..tokens import Scene


def prepare_fetching(scene: Scene, origin: str) -> Callable[[str], object]:
    """A validator for each token, as its authentication class makes one; its cache of keys is on."""
    (Path(scene.folder) / "place.json").write_text(json.dumps({"database": "postgres", "origin": origin}))
    start(scene, "django-cognito-jwt-cached")
    from django_cognito_jwt.validator import TokenValidator

    region = scene.user_pool_id.split("_")[0]
    return lambda raw: TokenValidator(region, scene.user_pool_id, None).validate(raw)
