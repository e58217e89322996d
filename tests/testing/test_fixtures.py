import json
import urllib.request
from pathlib import Path
from typing import Any

from local_cognito import Emulator


def test_the_local_cognito_listens_on_this_machine(local_cognito: Emulator) -> None:
    pool = local_cognito.seed.pools[0]
    with urllib.request.urlopen(f"{local_cognito.issuer(pool.id)}/.well-known/jwks.json") as answer:
        assert json.load(answer)["keys"]
    assert local_cognito.url.startswith("http://localhost:")


def test_its_seed_is_the_packages_own_unless_overridden(cognito_seed: Path | None) -> None:
    assert cognito_seed is None


def test_signing_in_brings_keys_and_database_along(cognito_sign_in: Any) -> None:
    assert cognito_sign_in().username == "alice"
