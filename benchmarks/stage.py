"""What a figure is given to measure with, and what it gives back."""

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.real_parts import POSTGRESQL

from . import tokens
from .loopback import Loopback
from .rounds import PROJECT, Plan
from .tokens import Scene

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Row:
    """One contestant in a figure's table."""

    who: str
    value: float
    unit: str
    ratio: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Goal:
    """What the design asks for, and what was measured."""

    what: str
    value: float
    limit: float
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Whether it was reached."""
        return self.value <= self.limit


@dataclass(frozen=True)
class Figure:
    """A figure: its rows, and its goals."""

    title: str
    rows: Sequence[Row]
    goals: Sequence[Goal] = ()
    ratio_to: str = ""  # the row that ratios are to
    notes: Sequence[str] = ()


@dataclass
class Stage:
    """A folder for the run, and what lies there once it was asked for."""

    folder: Path
    quick: bool
    begin: Callable[[int], None] = lambda steps: None  # how many steps a figure takes
    tick: Callable[[], None] = lambda: None  # one is done
    _node: Path | None = field(default=None, init=False)

    def scene(self, count: int) -> Scene:
        """A new pool with `count` tokens."""
        folder = self.folder / uuid.uuid4().hex
        folder.mkdir()
        return tokens.lay(folder, count)

    def plan(self, rounds: int, size: int, warm_up: int) -> Plan:
        """A plan, and a fifth of it for a short run; the progress bar is told."""
        plan = Plan(max(rounds // 5, 5), size, warm_up) if self.quick else Plan(rounds, size, warm_up)
        self.begin(plan.rounds)
        return plan

    def node(self) -> Path:
        """The folder of the contestants on Node.js, their packages installed once a run."""
        if self._node is None:
            self._node = Path(shutil.copytree(_HERE / "node", self.folder / "node"))
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error"]
            subprocess.run(command, cwd=self._node, check=True, stdout=subprocess.DEVNULL, timeout=300)
        return self._node

    @contextmanager
    def place(self, scene: Scene) -> Iterator[Loopback]:
        """A database with the people of `scene`, and the loopback server; both gone afterwards."""
        name = f"django_cognito_benchmarks_{os.getpid()}"
        with Loopback(scene) as loopback, _database(name):
            (Path(scene.folder) / "place.json").write_text(json.dumps({"database": name, "origin": loopback.origin}))
            environment = {**os.environ, "BENCHMARK_SCENE": scene.folder}
            command = [sys.executable, "-m", "benchmarks.site.start"]
            subprocess.run(command, cwd=PROJECT, env=environment, check=True, timeout=120)
            yield loopback


@contextmanager
def _database(name: str) -> Iterator[None]:
    import psycopg

    where = "host={HOST} port={PORT} user={USER} dbname={NAME}".format(**POSTGRESQL)
    with psycopg.connect(where, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield
        finally:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
