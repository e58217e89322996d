"""Any user model works unchanged. A process has one, so each model's cases run in a pytest of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import source

CASES = Path(__file__).with_name("custom_user_model_cases.py")


@pytest.mark.parametrize("model", ["EmailUser", "UniqueEmailUser", "NamelessUser", "MemberUser"])
def test_a_site_with_its_own_user_model(model: str) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--nomigrations",
        "--ds=tests.custom_users.settings",
        f"{CASES}::{model}",
    ]
    options = ["-p", "no:cacheprovider", "-o", "python_classes=EmailUser UniqueEmailUser NamelessUser MemberUser"]
    environment = {**os.environ, "USER_MODEL": model}
    done = subprocess.run(
        [*command, *options], env=environment, cwd=source.PROJECT_DIRECTORY, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
