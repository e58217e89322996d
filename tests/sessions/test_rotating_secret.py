"""Client secrets that rotate while several processes sign users in and refresh their tokens."""

import json
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import connections
from django.test import Client
from django.utils import timezone
from local_cognito import Emulator
from local_cognito_support.hosted_site import Browser
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito import factories
from django_cognito.core.client_secret import ClientSecret
from django_cognito.models import CognitoLogin
from django_cognito.sessions.store import SESSION_KEY
from tests.support.local_cognito import SECRET, hosted_ui, seed_for, settings_for, sign_in_by_hand
from tests.support.scenarios.login import (
    create_login,
    finish_sign_in,
    refusal,
    start_sign_in,
    token_response,
    username_at,
)
from tests.support.sizes import choose_size

pytestmark = pytest.mark.urls("tests.support.login_site")

CLIENT_ID = "2confidential"
PROCESSES = choose_size(3, 6)
OPERATIONS = choose_size(60, 500)
REFRESHES = 4  # after each sign-in
ROTATION_SECONDS = choose_size(1.5, 3.0)
COOLDOWN_SECONDS = ROTATION_SECONDS / 3
ROTATIONS = choose_size(2, 4)
# Files: it exists when the secret has been replaced for the last time, and a byte for each round of a process.
ROTATED, ROUNDS_OF = "rotated", "rounds-"
TIMEOUT_SECONDS = 900


class Vault:
    """A file with the current secret, instead of Secrets Manager, and the times at which this process read it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reads: list[float] = []
        self.write(SECRET)

    def __call__(self) -> str:
        self.reads.append(time.monotonic())
        return self.path.read_text()

    def write(self, secret: str) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(secret)
        new.replace(self.path)


class Rotation:
    """Replaces the client's secret ROTATIONS times: first at Cognito, then in the vault, as AWS does.

    Cognito accepts the former secret for ROTATION_SECONDS / 2, and until each process has completed two rounds: on
    a slow computer a request is not refused because it takes long.
    """

    def __init__(self, emulator: Emulator, vault: Vault, directory: Path) -> None:
        self.emulator, self.vault, self.count = emulator, vault, 0
        self._directory = directory
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Rotation":
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        self._thread.join(60)

    def _run(self) -> None:
        try:
            is_running = self._let_processes_run()
            while is_running and self.count < ROTATIONS:
                self._replace_secret(f"rotated_secret_number_{self.count + 1:04d}")
                if is_running := self._let_processes_run():
                    with self.emulator.service.lock:
                        self.emulator.service.pools._former_secrets._valid_until.clear()
                    is_running = self._let_processes_run()
        finally:
            (self._directory / ROTATED).touch()

    def _replace_secret(self, secret: str) -> None:
        url = f"{self.emulator.url}/_local/clients/{CLIENT_ID}/secret"
        body = {"secret": secret, "keep_former_seconds": 3_600}
        assert requests.post(url, json=body, timeout=30).status_code == 200
        self.vault.write(secret)
        self.count += 1

    def _let_processes_run(self) -> bool:
        """Wait until each process has completed two rounds of operations; return whether it has."""
        before, end = self._count_rounds(), time.monotonic() + TIMEOUT_SECONDS / 3
        while not self._stopping.wait(ROTATION_SECONDS / 2) and time.monotonic() < end:
            counts = self._count_rounds()
            if len(counts) == PROCESSES and all(count > before.get(name, 0) + 1 for name, count in counts.items()):
                return True
        return False

    def _count_rounds(self) -> dict[str, int]:
        return {path.name: path.stat().st_size for path in self._directory.glob(f"{ROUNDS_OF}*")}


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "secret")


@pytest.fixture
def emulator(settings: Any, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    monkeypatch.setattr(factories, "ClientSecret", partial(ClientSecret, cooldown_seconds=COOLDOWN_SECONDS))
    with Emulator(seed=seed_for("http://testserver")) as emulator:
        settings.COGNITO = settings_for(emulator, CLIENT_ID, CLIENT_SECRET=vault)
        yield emulator
    factories.discard_instances()


def expire(client: Client) -> None:
    """Make the login's tokens expire, so that the next request refreshes them."""
    CognitoLogin.objects.filter(pk=client.session[SESSION_KEY]).update(expires_at=timezone.now())


def sign_in_and_refresh(browser: Browser, failures: list[str]) -> None:
    """Sign in with the session of the hosted UI, refresh several times, and sign out."""
    client = Client()
    answer = client.get(hosted_ui(browser, client, next="/mine/").headers["Location"])
    if (answer.status_code, answer.get("Location")) != (302, "/mine/"):
        failures.append(f"sign-in: {answer.status_code} {(answer.context or {}).get('code')}")
        return
    for _ in range(REFRESHES):
        expire(client)
        answer = client.get("/mine/")
        if (answer.status_code, answer.content) != (200, b"alice"):
            failures.append(f"refresh: {answer.status_code}")
    client.post("/auth/logout/")


def run_operations(emulator: Emulator, vault: Vault, directory: Path) -> dict[str, Any]:
    """Sign in and refresh in one process: at least its share of OPERATIONS, and until the last rotation has ended."""
    vault.reads.clear()
    failures: list[str] = []
    share, operations = OPERATIONS / PROCESSES, 0
    with Browser(emulator) as browser:  # type: ignore[arg-type]
        sign_in_by_hand(browser, Client())
        while operations < share or not (directory / ROTATED).exists():
            sign_in_and_refresh(browser, failures)
            operations += 1 + REFRESHES
            with (directory / f"{ROUNDS_OF}{os.getpid()}").open("a") as file:
                file.write(".")
            time.sleep(0.2)  # as a user pauses
    return {"operations": operations, "failures": failures, "reads": vault.reads}


def in_processes(count: int, call: Callable[[], Any], directory: Path) -> list[Any]:
    """Run `call` in `count` forked processes and return the results."""
    connections.close_all()  # no connection is shared
    children = {fork(call, directory / f"result-{number}"): directory / f"result-{number}" for number in range(count)}
    deadline = time.monotonic() + TIMEOUT_SECONDS
    running_children = set(children)
    while running_children and time.monotonic() < deadline:
        running_children -= {child for child in running_children if os.waitpid(child, os.WNOHANG)[0]}
        time.sleep(0.05)
    for child in running_children:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert not running_children, "a process hangs"
    return [json.loads(path.read_text()) for path in children.values()]


def fork(call: Callable[[], Any], result: Path) -> int:
    if child := os.fork():
        return child
    try:
        result.write_text(json.dumps(call()))
    except BaseException:  # noqa: BLE001 a forked process must not go on as pytest
        result.write_text(json.dumps({"error": traceback.format_exc()}))
    os._exit(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.django_db(transaction=True)
def test_rotating_secret_in_several_processes_loses_no_sign_in(
    emulator: Emulator, vault: Vault, tmp_path: Path
) -> None:
    with Rotation(emulator, vault, tmp_path) as rotation:
        results = in_processes(PROCESSES, lambda: run_operations(emulator, vault, tmp_path), tmp_path)
    assert [result for result in results if "error" in result] == []
    assert [result["failures"] for result in results] == [[]] * PROCESSES
    assert sum(result["operations"] for result in results) >= OPERATIONS
    assert rotation.count == ROTATIONS
    for reads in (result["reads"] for result in results):
        assert len(reads) == ROTATIONS + 1  # on first use, and once for each rotation
        assert all(later - earlier > COOLDOWN_SECONDS - 0.05 for earlier, later in pairwise(reads))


@pytest.mark.django_db
def test_refresh_after_a_secret_rotation_succeeds(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    secrets = ["first-secret", "second-secret"]
    settings.COGNITO = {**settings.COGNITO, "CLIENT_SECRET": lambda: secrets.pop(0)}
    login = create_login(client, ends_in=-1)
    hosted = factories.get_hosted_ui()
    hosted._secret.read()
    hosted._secret.reset_after_fork()  # the cooldown has passed
    token_endpoint.script(refusal("invalid_client"), token_response())
    assert username_at(client) == "alice"
    assert (token_endpoint.count, CognitoLogin.objects.get(pk=login.pk).version) == (2, 1)


@pytest.mark.django_db
def test_failing_secret_function_ends_no_login(client: Client, settings: Any, token_endpoint: ScriptedServer) -> None:
    settings.COGNITO = {**settings.COGNITO, "CLIENT_SECRET": lambda: 1 / 0}
    create_login(client, ends_in=-1)
    answer = client.get("/subject/")
    assert (answer.status_code, answer.json()["code"]) == (503, "client_secret_unavailable")
    assert (token_endpoint.count, CognitoLogin.objects.count()) == (0, 1)


@pytest.mark.django_db
def test_failing_secret_function_at_the_callback_is_an_error_page(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    settings.COGNITO = {**settings.COGNITO, "CLIENT_SECRET": lambda: None}
    answer = finish_sign_in(client, start_sign_in(client))
    assert (answer.status_code, answer.context["code"]) == (503, "client_secret_unavailable")
    assert answer["Retry-After"] == "60"
