"""Every user model works. A process has one user model, so pytest runs once per model."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import source

MODELS = ["EmailUser", "UniqueEmailUser", "NamelessUser", "MemberUser", "TenantUser"]
CASES = Path(__file__).with_name("custom_user_model_cases.py")


@pytest.mark.parametrize("model", MODELS)
def test_custom_user_model_passes_its_cases(model: str) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--nomigrations",
        "--ds=tests.custom_users.settings",
        f"{CASES}::{model}",
    ]
    options = [
        "-p",
        "no:cacheprovider",
        "-o",
        f"python_classes={' '.join(MODELS)}",
    ]
    environment = {**os.environ, "USER_MODEL": model}
    completed = subprocess.run(
        [*command, *options], env=environment, cwd=source.PROJECT_DIRECTORY, capture_output=True, text=True, timeout=120
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert " passed" in completed.stdout
