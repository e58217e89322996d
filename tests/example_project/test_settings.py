"""Test the settings: required variables, and Django's deployment checks."""

import os
from subprocess import CompletedProcess

from .manage_commands import run_manage

PRODUCTION = {
    "DJANGO_SECRET_KEY": "k" * 20 + "0123456789-and-some-more-that-is-not-repeated",
    "DJANGO_ALLOWED_HOSTS": "fieldnotes.example.com",
    "COGNITO_USER_POOL_ID": "eu-west-1_AbCdEfGhI",
    "COGNITO_CLIENT_ID": "1example23456789",
    "COGNITO_DOMAIN": "login.example.com",
    "FIELDNOTES_REDIS": "redis://127.0.0.1:6379/1",
}


def _run_manage(*arguments: str, **environment: str) -> CompletedProcess[str]:
    prefixes = ("DJANGO_", "COGNITO_", "AWS_")
    clean_environment = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return run_manage(*arguments, environment={**clean_environment, **environment})


def test_missing_secret_key_fails_at_start() -> None:
    process = _run_manage("check")
    assert process.returncode == 1
    assert "DJANGO_SECRET_KEY" in process.stderr


def test_missing_user_pool_id_fails_with_its_setting() -> None:
    process = _run_manage("check", **{**PRODUCTION, "COGNITO_USER_POOL_ID": ""})
    assert process.returncode == 1
    assert "COGNITO['USER_POOL_ID'] must be a non-empty string" in process.stderr


def test_production_settings_pass_all_deploy_checks_but_two() -> None:
    process = _run_manage("check", "--deploy", **PRODUCTION)
    # W005 and W021 are HSTS for subdomains and HSTS preload, which the owner of a site must decide.
    assert {line.split(") ")[0] for line in process.stderr.splitlines() if line.startswith("?:")} == {
        "?: (security.W005",
        "?: (security.W021",
    }


def test_migrations_match_the_models(tmp_path: os.PathLike[str]) -> None:
    process = _run_manage(
        "makemigrations", "--check", "--dry-run", **PRODUCTION, FIELDNOTES_DATABASE=os.path.join(tmp_path, "db.sqlite3")
    )
    assert (process.returncode, process.stdout.strip()) == (0, "No changes detected")


def test_postgresql_prepares_its_statements() -> None:
    code = "from django.db import connection as c; print(c.vendor, c.get_connection_params()['prepare_threshold'])"
    environment = {**PRODUCTION, "FIELDNOTES_POSTGRESQL": "fieldnotes"}
    assert _run_manage("shell", "-v0", "-c", code, **environment).stdout.strip() == "postgresql 5"


def test_debug_is_off_by_default() -> None:
    code = """
import importlib, os
from fieldnotes import settings
for value in ("0", "false", "no", "", None, "1"):
    os.environ.pop("DJANGO_DEBUG", None)
    os.environ.update({"DJANGO_DEBUG": value} if value is not None else {})
    print(repr(value), importlib.reload(settings).DEBUG)
"""
    process = _run_manage("shell", "-v0", "-c", code, **PRODUCTION)
    values = dict(line.split(" ") for line in process.stdout.splitlines())
    assert values == {
        "'0'": "False",
        "'false'": "False",
        "'no'": "False",
        "''": "False",
        "None": "False",
        "'1'": "True",
    }
