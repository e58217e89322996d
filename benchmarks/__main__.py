"""Measures: `python -m benchmarks [--quick] [FIGURE ...]`. Writes results.json, and from it the table and the chart."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from . import chart, results, table
from .figures import FIGURES
from .parts import machine, missing, under_ci, versions
from .stage import Figure, Stage

_console = Console()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; 0 if nothing that the machine should have is missing."""
    told = _parser().parse_args(arguments)
    chosen = {name: FIGURES[name] for name in told.figures or FIGURES}
    with tempfile.TemporaryDirectory(prefix="django-cognito-benchmarks-") as folder:
        figures, lacking = _measured(chosen, Stage(Path(folder), told.quick))
    for name, figure in figures.items():
        _console.print(table.on_a_terminal(name, figure))
    run = results.Run(f"{datetime.now(UTC):%Y-%m-%d}", told.quick, machine(), versions(), figures)
    # A part of the figures, measured by itself, does not stand beside those of another day.
    if not told.figures and not lacking:
        _publish(run)
    return 1 if lacking and under_ci() else 0


def _publish(run: results.Run) -> None:
    results.write(run)
    written = results.read()
    table.publish(written)
    chart.draw(written)


def _measured(chosen: dict[str, ModuleType], stage: Stage) -> tuple[dict[str, Figure], list[str]]:
    """The figures, and the names of those for which this machine lacks something."""
    figures, lacking = {}, []
    columns = TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=_console) as progress:
        for name, module in chosen.items():
            if absent := missing(module.NEEDS):
                _console.print(f"[yellow]{name} is skipped: it needs {' and '.join(absent)}[/]")
                lacking.append(name)
                continue
            task = progress.add_task(name, total=None)
            stage.begin = lambda steps, task=task: progress.update(task, total=steps)  # type: ignore[misc]
            stage.tick = lambda task=task: progress.advance(task)  # type: ignore[misc]
            figures[name] = module.measure(stage)
    return figures, lacking


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"of {', '.join(FIGURES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="a fifth of the rounds")
    return parser


if __name__ == "__main__":
    sys.exit(main())
