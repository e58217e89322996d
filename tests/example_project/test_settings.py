"""The settings: what must be set is asked for, and what one would copy passes Django's own checks."""

import os
import subprocess
import sys

import pytest

from tests.support.source import EXAMPLE

PRODUCTION = {
    "DJANGO_SECRET_KEY": "k" * 20 + "0123456789-and-some-more-that-is-not-repeated",
    "DJANGO_ALLOWED_HOSTS": "fieldnotes.example.com",
    "COGNITO_USER_POOL_ID": "eu-west-1_AbCdEfGhI",
    "COGNITO_CLIENT_ID": "1example23456789",
    "COGNITO_DOMAIN": "login.example.com",
}


def _manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    ours = ("DJANGO_", "COGNITO_", "AWS_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    command = [sys.executable, str(EXAMPLE / "manage.py"), *arguments]
    return subprocess.run(command, env={**clean, **environment}, capture_output=True, text=True, check=False)


def test_a_site_without_a_secret_key_does_not_start() -> None:
    done = _manage("check")
    assert done.returncode == 1
    assert "DJANGO_SECRET_KEY" in done.stderr


def test_a_site_without_a_pool_is_told_what_is_missing() -> None:
    done = _manage("check", **{**PRODUCTION, "COGNITO_USER_POOL_ID": ""})
    assert done.returncode == 1
    assert "COGNITO['USER_POOL_ID'] must be a non-empty string" in done.stderr


def test_settings_for_a_pool_on_aws_pass_every_deployment_check_but_two() -> None:
    done = _manage("check", "--deploy", **PRODUCTION)
    # HSTS for all subdomains, and for browsers' own lists: a site's owner must decide these.
    assert {line.split(") ")[0] for line in done.stderr.splitlines() if line.startswith("?:")} == {
        "?: (security.W005",
        "?: (security.W021",
    }


def test_the_models_and_their_migrations_agree(tmp_path: os.PathLike[str]) -> None:
    done = _manage(
        "makemigrations", "--check", "--dry-run", **PRODUCTION, FIELDNOTES_DATABASE=os.path.join(tmp_path, "db.sqlite3")
    )
    assert (done.returncode, done.stdout.strip()) == (0, "No changes detected")


@pytest.mark.parametrize("value", ["0", "false", "no", ""])
def test_debug_is_off_unless_it_is_asked_for(value: str) -> None:
    done = _manage(
        "shell",
        "-v0",
        "-c",
        "from django.conf import settings; print(settings.DEBUG)",
        **{**PRODUCTION, "DJANGO_DEBUG": value},
    )
    assert done.stdout.strip() == "False"
