"""Run the benchmarks: `python -m benchmarks [--quick] [FIGURE ...]`.

A run of all figures writes results.json, the tables of README.md and the charts.
"""

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
from .parts import describe_machine, find_missing_parts, get_versions, is_under_ci
from .workspace import Figure, Workspace

_console = Console()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the selected figures; return 1 if one was skipped under CI, else 0."""
    options = _create_parser().parse_args(arguments)
    selected = {name: FIGURES[name] for name in options.figures or FIGURES}
    with tempfile.TemporaryDirectory(prefix="django-cognito-benchmarks-") as folder:
        figures, skipped = _measure(selected, Workspace(Path(folder), options.quick))
    for name, figure in figures.items():
        _console.print(table.create_terminal_table(name, figure))
    run = results.Run(f"{datetime.now(UTC):%Y-%m-%d}", options.quick, describe_machine(), get_versions(), figures)
    # The published figures all come from one run, so a run of some figures is not published.
    if not options.figures and not skipped:
        _publish(run)
    return 1 if skipped and is_under_ci() else 0


def _publish(run: results.Run) -> None:
    results.write_run(run)
    rounded = results.read_run()
    table.write_readme(rounded)
    chart.draw_charts(rounded)


def _measure(selected: dict[str, ModuleType], workspace: Workspace) -> tuple[dict[str, Figure], list[str]]:
    """Return the figures, and the names of those that were skipped because a part is missing."""
    figures, skipped = {}, []
    columns = TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=_console) as progress:
        for name, module in selected.items():
            if missing := find_missing_parts(module.NEEDS):
                _console.print(f"[yellow]{name} is skipped; missing: {', '.join(missing)}[/]")
                skipped.append(name)
                continue
            task = progress.add_task(name, total=None)
            workspace.set_steps = lambda steps, task=task: progress.update(task, total=steps)  # type: ignore[misc]
            workspace.advance = lambda task=task: progress.advance(task)  # type: ignore[misc]
            figures[name] = module.measure(workspace)
    return figures, skipped


def _create_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"one of {', '.join(FIGURES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="run a fifth of the rounds")
    return parser


if __name__ == "__main__":
    sys.exit(main())
