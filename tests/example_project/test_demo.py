"""The demo: ports, child processes, and the end of all of them."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from demo import seed
from demo.ports import free_port, is_free
from demo.processes import ChildEndedError, Processes
from tests.support.source import EXAMPLE

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_port_that_is_free_is_taken_as_wanted() -> None:
    port = free_port(0)
    assert free_port(port) == port


def test_for_a_port_that_somebody_listens_on_another_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port(port) not in (0, port)


def test_two_servers_never_get_the_same_port() -> None:
    port = free_port(0)
    assert free_port(port, but=frozenset({port})) != port


def test_the_seed_names_the_site_where_it_really_is() -> None:
    text = seed.text_for("http://localhost:1234")
    assert "http://localhost:1234/auth/callback/" in text
    assert seed.SEED_ORIGIN not in text


def test_everybody_in_the_seed_can_sign_in_and_dave_needs_a_code() -> None:
    people = seed.read(seed.SEED_FILE.read_text())[0].people
    assert {name: person.groups for name, person in people.items()} == {
        "alice": ("editors",),
        "bob": ("viewers",),
        "carol": ("admins",),
        "dave": ("editors",),
    }
    assert [name for name, person in people.items() if person.totp_secret] == ["dave"]


def test_children_are_stopped_on_the_way_out(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        processes.start("sleeper", SLEEP, os.environ)
        pid = processes.pid("sleeper")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_child_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    with Processes(tmp_path, stop_within_seconds=0.2) as processes:
        processes.start("stubborn", [sys.executable, "-c", stubborn], os.environ)
        while not processes.log("stubborn").read_text():
            pass
        pid = processes.pid("stubborn")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_child_that_dies_is_named_with_its_last_words(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        processes.start("fragile", [sys.executable, "-c", "print('oh no'); raise SystemExit(3)"], os.environ)
        with pytest.raises(ChildEndedError, match=r"(?s)fragile ended with code 3.*oh no"):
            processes.watch()


def test_a_command_that_fails_stops_the_start(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes, pytest.raises(ChildEndedError, match="migrate ended with code 1"):
        processes.run("migrate", [sys.executable, "-c", "raise SystemExit(1)"], os.environ)


def test_signals_mean_what_they_meant_before(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with Processes(tmp_path):
        pass
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_says_where_it_is_and_stops_all_of_it(tmp_path: Path, number: signal.Signals) -> None:
    site, cognito = free_port(0), free_port(0)
    command = [sys.executable, str(EXAMPLE / "manage.py"), "demo", f"--port={site}", f"--cognito-port={cognito}"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "fieldnotes.settings", "XDG_STATE_HOME": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        said = [next(line for line in demo.stdout if "Ctrl-C" in line)]
        demo.send_signal(number)
        said += demo.stdout.readlines()
        assert demo.wait() == 0
    assert said[-1].strip() == "Stopped."
    assert is_free(site)
    assert is_free(cognito)
