import json
import urllib.request
from pathlib import Path
from typing import Any

from local_cognito import Emulator


def test_local_cognito_fixture_listens_on_localhost(local_cognito: Emulator) -> None:
    pool = local_cognito.seed.pools[0]
    with urllib.request.urlopen(f"{local_cognito.issuer(pool.id)}/.well-known/jwks.json") as answer:
        assert json.load(answer)["keys"]
    assert local_cognito.url.startswith("http://localhost:")


def test_cognito_seed_fixture_is_none_by_default(cognito_seed: Path | None) -> None:
    assert cognito_seed is None


def test_cognito_sign_in_fixture_needs_no_other_fixture(cognito_sign_in: Any) -> None:
    assert cognito_sign_in().username == "alice"
