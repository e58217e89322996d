"""The results of a run, as a value and as results.json. Must not depend on the tables or the charts."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .workspace import Figure, Goal, Row

FILE = Path(__file__).parent / "results.json"


@dataclass(frozen=True)
class Run:
    """A run: its date, its machine and its figures."""

    date: str
    quick: bool
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    figures: Mapping[str, Figure]


def write_run(run: Run, file: Path = FILE) -> None:
    """Write `run` with four significant digits; more are noise."""
    file.write_text(json.dumps(_round(asdict(run)), indent=1, ensure_ascii=False) + "\n")


def read_run(file: Path = FILE) -> Run:
    """Return the run in `file`."""
    data = json.loads(file.read_text())
    return Run(**{**data, "figures": {name: _read_figure(figure) for name, figure in data["figures"].items()}})


def _read_figure(data: dict[str, Any]) -> Figure:
    rows, goals = [Row(**row) for row in data["rows"]], [Goal(**goal) for goal in data["goals"]]
    return Figure(**{**data, "rows": rows, "goals": goals})


def _round(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _round(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_round(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
