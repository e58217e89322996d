"""Sign-in and refresh with AWS's JavaScript client, amazon-cognito-identity-js, under Node."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from local_cognito import Emulator
from local_cognito_support.npm import copy_beside_packages
from local_cognito_support.user_pools import PASSWORD, POOL_ID

SCRIPT = Path(__file__).with_name("identity_js.mjs")

pytestmark = pytest.mark.needs("npm")


@pytest.fixture(scope="module")
def script() -> Path:
    """Return the path of the script, beside the package that it imports."""
    return copy_beside_packages(SCRIPT)


def run_script(script: Path, emulator: Emulator, password: str) -> dict[str, Any]:
    command = ["node", str(script), emulator.endpoint_url, POOL_ID, "1public", "alice", password]
    finished = subprocess.run(command, check=True, timeout=300, capture_output=True, text=True)
    outcome: dict[str, Any] = json.loads(finished.stdout)
    return outcome


def test_identity_js_signs_in_reads_attributes_and_refreshes(script: Path, emulator: Emulator) -> None:
    outcome = run_script(script, emulator, PASSWORD)
    assert outcome["username"] == "alice"
    assert "email" in outcome["attributes"]
    assert outcome["refreshed"] is True


def test_identity_js_with_wrong_password_is_refused(script: Path, emulator: Emulator) -> None:
    outcome = run_script(script, emulator, "Wrong-horse-7")
    assert outcome == {"refused": "NotAuthorizedException", "message": "Incorrect username or password."}
