"""The workspace of a run, and the figures that it results in."""

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.real_parts import POSTGRESQL

from . import tokens
from .loopback import Loopback
from .rounds import PROJECT, Plan
from .tokens import Scenario

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Row:
    """One row of a figure's table."""

    label: str
    value: float
    unit: str
    ratio: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Goal:
    """A limit, and the measured value."""

    label: str
    value: float
    limit: float
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the value is within the limit."""
        return self.value <= self.limit


@dataclass(frozen=True)
class Figure:
    """A figure: its rows and its goals."""

    title: str
    rows: Sequence[Row]
    goals: Sequence[Goal] = ()
    base: str = ""  # the label of the row that ratios refer to
    notes: Sequence[str] = ()


@dataclass
class Workspace:
    """The temporary folder of a run, with its scenarios, its Node.js packages and its services."""

    folder: Path
    quick: bool
    set_steps: Callable[[int], None] = lambda steps: None  # states how many steps a figure has
    advance: Callable[[], None] = lambda: None  # called after each step
    _node: Path | None = field(default=None, init=False)

    def create_scenario(self, count: int, sign_ins: int = 0) -> Scenario:
        """Create a pool with `count` tokens, and the tokens of `sign_ins`."""
        folder = self.folder / uuid.uuid4().hex
        folder.mkdir()
        return tokens.write_scenario(folder, count, sign_ins)

    def create_plan(self, rounds: int, size: int, warm_up: int) -> Plan:
        """Return a plan, with a fifth of the rounds in a quick run. Sets the steps of the progress bar."""
        plan = Plan(max(rounds // 5, 5), size, warm_up) if self.quick else Plan(rounds, size, warm_up)
        self.set_steps(plan.rounds)
        return plan

    def install_node(self) -> Path:
        """Return the folder of the Node.js contestants. Installs their packages once per run."""
        if self._node is None:
            self._node = Path(shutil.copytree(_FOLDER / "node", self.folder / "node"))
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error"]
            subprocess.run(command, cwd=self._node, check=True, stdout=subprocess.DEVNULL, timeout=300)
        return self._node

    @contextmanager
    def start_services(self, scenario: Scenario) -> Iterator[Loopback]:
        """Create a database with the users of `scenario` and start the loopback server; remove both at the end."""
        name = f"django_cognito_benchmarks_{os.getpid()}"
        with Loopback(scenario) as loopback, _create_database(name):
            (Path(scenario.folder) / "services.json").write_text(
                json.dumps({"database": name, "origin": loopback.origin})
            )
            environment = {**os.environ, "BENCHMARK_SCENARIO": scenario.folder}
            command = [sys.executable, "-m", "benchmarks.site.start"]
            subprocess.run(command, cwd=PROJECT, env=environment, check=True, timeout=120)
            yield loopback


@contextmanager
def open_database(scenario: Scenario) -> Iterator[Any]:
    """Connect to the database of `Workspace.start_services`."""
    services = json.loads((Path(scenario.folder) / "services.json").read_text())
    with _connect({**POSTGRESQL, "NAME": services["database"]}) as connection:
        yield connection


def _connect(server: Mapping[str, str]) -> Any:
    import psycopg

    return psycopg.connect("host={HOST} port={PORT} user={USER} dbname={NAME}".format(**server), autocommit=True)


@contextmanager
def _create_database(name: str) -> Iterator[None]:
    with _connect(POSTGRESQL) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield
        finally:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
