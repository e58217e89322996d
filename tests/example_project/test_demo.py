"""Test the demo: its ports, its seed and its child processes."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from demo import seed
from demo.ports import find_free_port, is_free
from demo.processes import ChildExitedError, Processes
from tests.support.source import EXAMPLE

SLEEP_COMMAND = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_preferred_port_is_used_if_it_is_free() -> None:
    port = find_free_port(0)
    assert find_free_port(port) == port


def test_port_in_use_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert find_free_port(port) not in (0, port)


def test_free_port_is_not_a_port_of_outgoing_connections() -> None:
    assert all(20_000 <= find_free_port(0) < 32_768 for _ in range(20))


def test_free_port_does_not_depend_on_the_seed_of_random() -> None:
    """pytest-randomly seeds `random` in each process of a test run with the same number."""
    ports = set()
    for _ in range(4):
        random.seed(1)
        ports.add(find_free_port(0))
    assert len(ports) > 1


def test_excluded_port_is_replaced() -> None:
    port = find_free_port(0)
    assert find_free_port(port, excluded=frozenset({port})) != port


def test_seed_contains_the_actual_site_url() -> None:
    text = seed.render_seed("http://localhost:1234")
    assert "http://localhost:1234/auth/callback/" in text
    assert seed.SEED_ORIGIN not in text


def test_seed_users_have_groups_kate_is_disabled_dave_has_totp() -> None:
    users = seed.read_pools(seed.SEED_FILE.read_text())[0].users
    assert {name: user.groups for name, user in users.items()} == {
        "alice": ("editors",),
        "bob": ("viewers",),
        "carol": ("admins",),
        "dave": ("editors",),
        "hugo": ("viewers", "station/heath/editors"),
        "ines": ("viewers", "station/heath/viewers", "station/mill/editors"),
        "jon": ("viewers", "station/mill/viewers"),
        "kate": ("viewers",),
    }
    assert [name for name, user in users.items() if not user.enabled] == ["kate"]
    assert [name for name, user in users.items() if user.totp_secret] == ["dave"]


def test_child_processes_are_stopped_on_exit(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        processes.start("sleeper", SLEEP_COMMAND, os.environ)
        pid = processes.get_pid("sleeper")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_child_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    with Processes(tmp_path, stop_timeout_seconds=0.2) as processes:
        processes.start("stubborn", [sys.executable, "-c", code], os.environ)
        while not processes.log_path("stubborn").read_text():
            pass
        pid = processes.get_pid("stubborn")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_exited_child_process_is_reported_with_its_log(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        processes.start("fragile", [sys.executable, "-c", "print('oh no'); raise SystemExit(3)"], os.environ)
        with pytest.raises(ChildExitedError, match=r"(?s)fragile exited with code 3.*oh no"):
            processes.watch()


def test_failed_command_raises_child_exited_error(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes, pytest.raises(ChildExitedError, match="migrate exited with code 1"):
        processes.run("migrate", [sys.executable, "-c", "raise SystemExit(1)"], os.environ)


def test_signal_handlers_are_restored(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with Processes(tmp_path):
        pass
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_interrupts_and_stops_child_processes(tmp_path: Path, number: signal.Signals) -> None:
    def interrupt() -> None:
        with Processes(tmp_path) as processes:
            processes.start("sleeper", SLEEP_COMMAND, os.environ)
            pids.append(processes.get_pid("sleeper"))
            signal.raise_signal(number)
            processes.watch()

    pids: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_demo_stops_all_processes_on_a_signal(tmp_path: Path) -> None:
    site, cognito = find_free_port(0), find_free_port(0)
    command = [sys.executable, str(EXAMPLE / "manage.py"), "demo", f"--port={site}", f"--cognito-port={cognito}"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "fieldnotes.settings", "XDG_STATE_HOME": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        lines: list[str] = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(next(demo.stdout))
        demo.send_signal(signal.SIGTERM)
        lines += demo.stdout.readlines()
        assert demo.wait() == 0
    assert lines[-1].strip() == "Stopped."
    assert [line.partition(" on ")[0].strip() for line in lines[:4]] == [
        "Starting the local Cognito",
        "Migrating the database ...",
        "Writing sample notes ...",
        "Starting the site",
    ]
    assert re.search(r"^dave also needs a TOTP code: \d{6} for \d+ more seconds", "".join(lines), re.MULTILINE)
    assert is_free(site)
    assert is_free(cognito)
