"""The extra `speed`: tokens are decoded with it and without it. A site starts without any extra."""

import importlib.util
import os
import subprocess
import sys
from types import ModuleType

import pytest

from django_cognito.core.errors import MalformedTokenError
from django_cognito.core.tokens import decoding, jws
from tests.support import source
from tests.support.signing import b64

ACCEPTED_JSON = {
    "integer beyond 64 bits": (b'{"a":18446744073709551616}', {"a": 2**64}),
    "integer with 30 digits": (b'{"a":' + b"9" * 30 + b"}", {"a": 10**30 - 1}),
    "white space": (b' {"a" : 1}\r\n', {"a": 1}),
    "escaped name": (b'{"\\u0061":1}', {"a": 1}),
    "surrogate pair": (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
    "float": (b'{"a":1.50}', {"a": 1.5}),
    "exponent": (b'{"a":1E2}', {"a": 100.0}),
    "NUL in a string": (b'{"a":"\\u0000"}', {"a": "\0"}),
}
EXTRAS = ("boto3", "botocore", "cachetools", "orjson", "pybase64", "rest_framework", "moto", "flask", "yaml", "pyotp")


@pytest.mark.usefixtures("decoder")
@pytest.mark.parametrize(("data", "claims"), ACCEPTED_JSON.values(), ids=ACCEPTED_JSON)
def test_unusual_json_is_decoded(data: bytes, claims: object) -> None:
    decoded = jws.decode_jws(f"e30.{b64(data)}.AAAA")[1]
    assert repr(decoded) == repr(claims)


@pytest.mark.usefixtures("decoder")
@pytest.mark.parametrize(
    "segment",
    ["e30=", "e31", "e3", "e", "e30 ", "e3\n0", "e30\0", "=e30", "e=30", "e30==", "e30====", "-_-_=", "e3+0", "e3/0"],
)
def test_noncanonical_base64url_is_rejected(segment: str) -> None:
    for raw in (f"e30.{segment}.AAAA", f"e30.e30.{segment}"):
        with pytest.raises(MalformedTokenError):
            jws.decode_jws(raw)


def test_missing_packages_disable_the_fast_path(monkeypatch: pytest.MonkeyPatch) -> None:
    claims, signature = b64(b'{"a":1}').encode(), b"AAAA"
    assert _reload_decoding().decode_canonical(claims, signature) == ({"a": 1}, bytes(3))
    for missing in ("orjson", "pybase64"):
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, missing, None)
            standard = _reload_decoding()
        assert not standard.HAS_SPEED
        assert standard.decode_canonical(claims, signature) is None


def _reload_decoding() -> ModuleType:
    spec = importlib.util.spec_from_file_location("decoding_loaded_again", str(decoding.__file__))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_site_starts_without_any_extra() -> None:
    program = f"""
import sys
for name in {EXTRAS!r}:
    sys.modules[name] = None  # importing it raises ModuleNotFoundError
import django_cognito
from django.conf import settings
settings.configure(
    SECRET_KEY="x" * 50,
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django_cognito"],
    AUTHENTICATION_BACKENDS=["django_cognito.backends.CognitoBackend"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django_cognito.middleware.CognitoMiddleware",
    ],
    COGNITO={{"USER_POOL_ID": "eu-west-1_AbCdEfGhI", "CLIENT_ID": "1example23456789", "DOMAIN": "login.example.com"}},
    ROOT_URLCONF="django_cognito.urls",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
import django
django.setup()
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
call_command("check")
call_command("migrate", verbosity=0)
get_wsgi_application()
from django_cognito.core.tokens import decoding
from django_cognito.signals import signed_out
signed_out.send(sender=None, user=None, cognito_users=(), everywhere=False, reason="sign_out")
assert not decoding.HAS_SPEED
"""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=environment,
        cwd=source.PROJECT_DIRECTORY,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr
