"""The local Cognito judged by AWS's own JavaScript client, amazon-cognito-identity-js, under Node."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from local_cognito import Emulator
from local_cognito_support.user_pools import PASSWORD, POOL_ID

PACKAGE = "amazon-cognito-identity-js@6.3"
SCRIPT = Path(__file__).with_name("identity_js.mjs")

pytestmark = pytest.mark.needs("npm")


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script, in a folder where its one import is installed."""
    folder = tmp_path_factory.mktemp("node")
    quietly = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    subprocess.run(["npm", "install", *quietly, "--prefix", str(folder), PACKAGE], check=True, timeout=120)
    return Path(shutil.copy(SCRIPT, folder))


def outcome(script: Path, emulator: Emulator, password: str) -> dict[str, Any]:
    command = ["node", str(script), emulator.endpoint_url, POOL_ID, "1public", "alice", password]
    finished = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(finished.stdout)
    return told


def test_it_signs_in_reads_attributes_and_refreshes(script: Path, emulator: Emulator) -> None:
    told = outcome(script, emulator, PASSWORD)
    assert told["username"] == "alice"
    assert "email" in told["attributes"]
    assert told["renewed"] is True


def test_it_is_refused_with_a_wrong_password(script: Path, emulator: Emulator) -> None:
    told = outcome(script, emulator, "Wrong-horse-7")
    assert told == {"refused": "NotAuthorizedException", "message": "Incorrect username or password."}
