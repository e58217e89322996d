"""The errors and warnings of the command. Each is a message without a traceback, and the exit code is 2."""

import re
import runpy
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from local_cognito import Emulator
from local_cognito_support.hosted_site import running_site

ROOT = Path(__file__).parents[1]
PORT_ROW = "port taken; DEBUG off; extra missing (`manage.py` and `python -m` alike)"
SEED_ROW = (
    "seed: unknown key, bad id, unknown group, bad YAML, missing file; e-mail pool with a plain username; empty policy"
)
Run = Callable[..., int]
SCRIPT = "from local_cognito.__main__ import main; sys.exit(main())"
MODULE = "import runpy; runpy.run_module('local_cognito', run_name='__main__')"


def run_script(*arguments: str) -> int:
    """Run the console script `local-cognito` and return its exit code."""
    main = EntryPoint("local-cognito", "local_cognito.__main__:main", "console_scripts").load()
    return int(main(list(arguments)))


def run_module(*arguments: str) -> int:
    """Run `python -m local_cognito` in this process and return its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["local_cognito", *arguments])
        patch.delitem(sys.modules, "local_cognito.__main__", raising=False)
        with pytest.raises(SystemExit) as exit_info:
            runpy.run_module("local_cognito", run_name="__main__", alter_sys=True)
    return int(exit_info.value.code or 0)


@pytest.fixture(params=[run_script, run_module], ids=["local-cognito", "python -m"])
def run(request: pytest.FixtureRequest) -> Run:
    """Return a function that runs the command with the arguments and returns its exit code."""
    chosen: Run = request.param
    return chosen


@pytest.fixture
def seed_file(tmp_path: Path) -> Path:
    path = tmp_path / "seed.yaml"
    path.write_text("pools: [{id: eu-west-1_Commands}]")
    return path


def test_console_script_is_the_main_function() -> None:
    assert 'local-cognito = "local_cognito.__main__:main"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.mistake(PORT_ROW, by="command")
def test_port_in_use_is_reported_with_the_option(run: Run, seed_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert run("--seed", str(seed_file), "--port", str(port)) == 2
    message = capsys.readouterr().err
    assert f"port {port} on 127.0.0.1 cannot be used: Address already in use" in message
    assert "Select another one with --port" in message


@pytest.mark.mistake(PORT_ROW, by="command")
@pytest.mark.parametrize(("program", "package"), [(SCRIPT, "cryptography"), (MODULE, "cryptography"), (MODULE, "moto")])
def test_missing_dependency_is_reported_with_its_command(program: str, package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; sys.path.insert(0, {str(ROOT)!r}); {program}"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert process.returncode == 2
    assert f"packages that are not installed or too old: the module {package}" in process.stderr
    assert "pip install --upgrade local-cognito" in process.stderr
    assert "Traceback" not in process.stderr


def test_remote_host_without_permission_is_reported(
    run: Run, seed_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--seed", str(seed_file), "--port", "0", "--host", "0.0.0.0") == 2
    assert "allow it with --allow-remote" in capsys.readouterr().err


def test_invalid_public_url_is_reported(run: Run, seed_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--seed", str(seed_file), "--port", "0", "--public-url", "cognito:9229") == 2
    assert "not 'cognito:9229'" in capsys.readouterr().err


def test_remote_host_is_warned_about_and_the_public_url_is_printed(
    seed_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Emulator, "serve_forever", Emulator.stop)
    options = ["--host", "0.0.0.0", "--allow-remote", "--public-url", "http://cognito.localhost:9229", "--port", "0"]
    assert run_script("--seed", str(seed_file), "--state-dir", str(seed_file.parent), *options) == 0
    printed = capsys.readouterr()
    assert "WARNING: it listens on 0.0.0.0. Every computer that reaches port" in printed.err
    assert "http://cognito.localhost:9229/eu-west-1_Commands" in printed.out


def test_current_totp_code_of_a_user_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Emulator, "serve_forever", Emulator.stop)
    monkeypatch.setattr("local_cognito.command.Emulator.totp_code", lambda *_: "123456")
    assert run_script("--port", "0", "--state-dir", str(tmp_path)) == 0
    assert re.search(
        r"user  +alice  editors  TOTP code 123456 now, then at http://localhost:\d+/", capsys.readouterr().out
    )


def test_totp_code_is_that_of_the_authenticator_app() -> None:
    with running_site() as site:
        dave = site.service.find_user_by_sub(site.public.pool_id, site.user("dave").id)
        assert dave is not None
        assert site.service.totp.current_code(dave) == site.totp_code()


EMAIL_USERNAME = (
    "must be an email address, as username_attributes of the pool requires; did you mean 'ann@example.com'?"
)
SEEDS = [
    ("pool: []", "{path}: the top level: unknown key 'pool'; did you mean 'pools'?"),
    ("pools: [{id: nonsense}]", "{path}: pools[0].id: 'nonsense' is not a user pool id; one looks like"),
    (
        "pools: [{id: eu-west-1_A1, groups: [{name: editors}], users: [{username: a, groups: [editor]}]}]",
        "{path}: pools[0].users[0].groups: unknown group 'editor'; did you mean 'editors'?",
    ),
    ("pools: [", "{path}: cannot be read: while parsing"),
    (
        "pools: [{id: eu-west-1_A1, username_attributes: [email], users: [{username: ann, email: ann@example.com}]}]",
        f"{{path}}: pools[0].users[0].username: {EMAIL_USERNAME}",
    ),
    ("{pools: [{id: eu-west-1_A1}], roles: [{name: a, policy: {}}]}", "{path}: roles[0].policy: must be an IAM policy"),
    (
        "{pools: [{id: eu-west-1_A1}], roles: [{name: a, policy: {Statement: []}}]}",
        "{path}: roles[0].policy: has no statement, so it would allow nothing",
    ),
]


@pytest.mark.mistake(SEED_ROW, by="command")
@pytest.mark.parametrize(("text", "message"), SEEDS)
def test_invalid_seed_is_reported_with_path_and_place(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text(text)
    assert run("--seed", str(path), "--port", "0") == 2
    assert capsys.readouterr().err.startswith(message.format(path=path))


@pytest.mark.mistake(SEED_ROW, by="command")
def test_missing_seed_file_is_reported_with_its_path(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--seed", str(tmp_path / "absent.yaml")) == 2
    assert f"{tmp_path}/absent.yaml: cannot be read" in capsys.readouterr().err
