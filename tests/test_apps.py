"""The app's `ready()`: what it imports depends on what the site has installed. No I/O."""

import subprocess
import sys
from typing import Any

import pytest
from django.apps import apps

from django_cognito import contrib

# A site without the optional packages; prints the modules of `contrib`.
_SITE = """
import sys
sys.modules |= dict.fromkeys(["boto3", "drf_spectacular", "hijack", "ninja", "rest_framework"])
import django
from django.conf import settings
from django.core.management import call_command

settings.configure(
    SECRET_KEY="a key for tests alone",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django_cognito"],
    COGNITO={"USER_POOL_ID": "eu-west-1_TestPool1", "CLIENT_ID": "1testclient23456789"},
    USE_TZ=True,
)
django.setup()
call_command("check", fail_level="ERROR")
print(*sorted(name for name in sys.modules if name.startswith("django_cognito.contrib")))
"""


@pytest.mark.parametrize(
    ("app", "module"), [("hijack", "hijack"), ("drf_spectacular", "spectacular.scheme")], ids=["hijack", "spectacular"]
)
def test_support_for_an_installed_package_is_imported(
    app: str, module: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Afterwards the modules are the same as before: others have imported their classes.
    for name in [name for name in sys.modules if name.startswith("django_cognito.contrib.")]:
        monkeypatch.delitem(sys.modules, name)
        monkeypatch.delattr(contrib, name.split(".")[2], raising=False)
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, app]
    assert f"django_cognito.contrib.{module}" in sys.modules
    assert apps.is_installed("django_cognito")


def test_app_works_without_the_optional_packages() -> None:
    command = [sys.executable, "-W", "error", "-c", _SITE]
    result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    assert result.stdout.splitlines()[-1] == ""
