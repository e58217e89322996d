"""What a run found, as a value and as results.json. Knows neither table nor chart."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .stage import Figure, Goal, Row

FILE = Path(__file__).parent / "results.json"


@dataclass(frozen=True)
class Run:
    """All of a run."""

    date: str
    quick: bool
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    figures: Mapping[str, Figure]


def write(run: Run, file: Path = FILE) -> None:
    """Write it, four digits to a number: the others are noise."""
    file.write_text(json.dumps(_rounded(asdict(run)), indent=1, ensure_ascii=False) + "\n")


def read(file: Path = FILE) -> Run:
    """The run that was written last."""
    said = json.loads(file.read_text())
    return Run(**{**said, "figures": {name: _figure(figure) for name, figure in said["figures"].items()}})


def _figure(said: dict[str, Any]) -> Figure:
    rows, goals = [Row(**row) for row in said["rows"]], [Goal(**goal) for goal in said["goals"]]
    return Figure(**{**said, "rows": rows, "goals": goals})


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
