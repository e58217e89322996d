"""Every user model works. A process has one user model, so pytest runs once per model."""

from pathlib import Path

import pytest

from tests.support.pytest_process import run_pytest

MODELS = ["EmailUser", "UniqueEmailUser", "NamelessUser", "MemberUser", "TenantUser"]
CASES = Path(__file__).with_name("custom_user_model_cases.py")


@pytest.mark.parametrize("model", MODELS)
def test_custom_user_model_passes_its_cases(model: str) -> None:
    classes = f"python_classes={' '.join(MODELS)}"
    run_pytest("--ds=tests.custom_users.settings", f"{CASES}::{model}", "-o", classes, USER_MODEL=model)
