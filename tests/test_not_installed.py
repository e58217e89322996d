"""A site that uses the package without `django_cognito` in INSTALLED_APPS, in a process of its own."""

import json
import subprocess
import sys

import pytest

from .support import source

MODULES = ("django_cognito.models", "django_cognito.backends", "django_cognito.middleware", "django_cognito.urls")
PROGRAM = f"""
import importlib, json
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"])
django.setup()
errors = {{}}
for name in {MODULES!r}:
    try:
        importlib.import_module(name)
    except Exception as error:
        errors[name] = [type(error).__name__, str(error)]
print(json.dumps(errors))
"""


@pytest.mark.mistake("app not in INSTALLED_APPS", by="import")
def test_import_without_the_app_is_an_error_with_the_line() -> None:
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=source.PROJECT_DIRECTORY, capture_output=True, text=True, timeout=300
    )
    errors = json.loads(process.stdout)
    message = "django_cognito is not in INSTALLED_APPS. Add the line 'django_cognito' to it, after"
    assert {name: (kind, text.startswith(message)) for name, (kind, text) in errors.items()} == dict.fromkeys(
        MODULES, ("ImproperlyConfigured", True)
    )
