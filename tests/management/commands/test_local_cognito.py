import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

PROGRAM = """
import django
from django.conf import settings
from django.core.management import call_command

django.setup()
settings.DEBUG = True
call_command("local_cognito", *{arguments!r})
"""


PORT_ROW = "port taken; DEBUG off; extra missing (`manage.py` and `python -m` alike)"
SEED_ROW = (
    "seed: unknown key, bad id, unknown group, bad YAML, missing file; e-mail pool with a plain username; empty policy"
)


@pytest.mark.mistake(PORT_ROW, by="command")
def test_local_cognito_command_requires_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_cognito.__main__.main", lambda arguments: 0)  # it would serve until interrupted
    with pytest.raises(CommandError, match=r"only if DEBUG is on: it shows passwords.* Set DEBUG = True"):
        call_command("local_cognito", port=0)


@pytest.mark.mistake(PORT_ROW, by="command")
def test_local_cognito_command_names_the_missing_extra(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEBUG = True
    monkeypatch.setitem(sys.modules, "local_cognito.__main__", None)  # the import fails
    with pytest.raises(CommandError, match=r"django-aws-cognito\[emulator\]"):
        call_command("local_cognito", port=0)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"port": 0, "state_dir": "state"}, ["--port=0", "--state-dir=state"]),
        (
            {"host": "0.0.0.0", "allow_remote": True, "public_url": "http://cognito.localhost:9229"},
            ["--host=0.0.0.0", "--public-url=http://cognito.localhost:9229", "--allow-remote"],
        ),
    ],
)
def test_local_cognito_command_passes_only_the_set_options(
    settings: Any, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], expected: list[str]
) -> None:
    settings.DEBUG = True
    arguments_of_main: list[str] = []
    monkeypatch.setattr("local_cognito.__main__.main", lambda arguments: arguments_of_main.extend(arguments) or 0)
    call_command("local_cognito", **options)
    assert arguments_of_main == expected


def test_local_cognito_command_exits_with_code_of_the_emulator(settings: Any, tmp_path: Path) -> None:
    settings.DEBUG = True
    with pytest.raises(SystemExit) as exit_info:
        call_command("local_cognito", port=0, seed=str(tmp_path / "missing.yaml"))
    assert exit_info.value.code == 2


@pytest.mark.mistake(SEED_ROW, by="command")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pool: []", "seed.yaml: the top level: unknown key 'pool'; did you mean 'pools'?"),
        (
            "pools: [{id: eu-west-1_A1, username_attributes: [email], users: [{username: ann}]}]",
            "seed.yaml: pools[0].users[0].username: must be an email address",
        ),
    ],
)
def test_local_cognito_command_reports_an_invalid_seed(
    settings: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    settings.DEBUG = True
    path = tmp_path / "seed.yaml"
    path.write_text(text)
    with pytest.raises(SystemExit):
        call_command("local_cognito", port=0, seed=str(path))
    assert message in capfd.readouterr().err


@pytest.mark.mistake(PORT_ROW, by="command")
def test_local_cognito_command_exits_if_the_port_is_in_use(settings: Any, capfd: pytest.CaptureFixture[str]) -> None:
    settings.DEBUG = True
    with socket.socket() as used_port:
        used_port.bind(("127.0.0.1", 0))
        used_port.listen()
        with pytest.raises(SystemExit):
            call_command("local_cognito", port=used_port.getsockname()[1])
    message = capfd.readouterr().err
    assert "cannot be used" in message
    assert "Select another one with --port" in message


def test_local_cognito_command_serves_until_interrupted(tmp_path: Path) -> None:
    program = PROGRAM.format(arguments=["--port=0", "--issuer=aws", f"--state-dir={tmp_path}"])
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DJANGO_COGNITO_TEST_DATABASE": "sqlite"}
    with subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True) as run:
        try:
            assert run.stdout
            ready = next(json.loads(line) for line in run.stdout if line.startswith("{"))
            issuer = ready["pools"][0]["issuer"]
            assert issuer.startswith("https://cognito-idp.")
            keys = f"{ready['url']}/{ready['pools'][0]['id']}/.well-known/jwks.json"
            with urllib.request.urlopen(keys) as answer:
                assert json.load(answer)["keys"]
            run.send_signal(signal.SIGINT)
            assert run.wait(120) == 0
        finally:
            run.kill()
