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


def test_it_does_not_run_where_debug_is_off() -> None:
    with pytest.raises(CommandError, match="DEBUG"):
        call_command("local_cognito", port=0)


def test_it_says_which_extra_it_needs(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEBUG = True
    monkeypatch.setitem(sys.modules, "local_cognito.__main__", None)  # what an import of it finds: nothing
    with pytest.raises(CommandError, match=r"django-aws-cognito\[emulator\]"):
        call_command("local_cognito", port=0)


@pytest.mark.parametrize(
    ("options", "expected"), [({}, []), ({"port": 0, "state_dir": "here"}, ["--port=0", "--state-dir=here"])]
)
def test_what_is_left_out_is_for_the_emulator_to_know(
    settings: Any, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], expected: list[str]
) -> None:
    settings.DEBUG = True
    user_from_token: list[str] = []
    monkeypatch.setattr("local_cognito.__main__.main", lambda arguments: user_from_token.extend(arguments) or 0)
    call_command("local_cognito", **options)
    assert user_from_token == expected


def test_what_the_emulator_refuses_is_its_exit_code(settings: Any, tmp_path: Path) -> None:
    settings.DEBUG = True
    with pytest.raises(SystemExit) as ended:
        call_command("local_cognito", port=0, seed=str(tmp_path / "missing.yaml"))
    assert ended.value.code == 2


def test_a_port_that_is_taken_is_its_exit_code(settings: Any, capfd: pytest.CaptureFixture[str]) -> None:
    settings.DEBUG = True
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SystemExit):
            call_command("local_cognito", port=taken.getsockname()[1])
    assert "cannot be used" in capfd.readouterr().err


def test_it_serves_until_it_is_interrupted(tmp_path: Path) -> None:
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
            assert run.wait(20) == 0
        finally:
            run.kill()
