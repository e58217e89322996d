"""Test mutants of core's modules: `python -m tests.mutation [MODULE ...]`. Needs os.fork.

The exit status is 1 if the surviving mutants are not exactly those in survivors.toml. If they are, the scores are
written to README.md.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from . import code, page, scores, survivors
from .mutants import create_mutants
from .scores import Score
from .survivors import Survivor
from .trial import Trial

MODULES = tuple(code.TESTS)
_console = Console()


def main(arguments: Sequence[str] | None = None) -> int:
    """Test the mutants of the selected modules; return 0 if exactly the listed ones survive."""
    options = _create_parser().parse_args(arguments)
    if options.publish:
        page.write_readme(scores.read_scores(), survivors.read_survivors())
        return 0
    modules = tuple(options.modules) or MODULES
    os.environ["DJANGO_COGNITO_TEST_DATABASE"] = "sqlite"
    all_survivors, module_scores = [], {}
    columns = TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    # No thread refreshes the progress bar, because the trials fork.
    with Progress(*columns, console=_console, auto_refresh=False) as progress:
        for module in modules:
            module_survivors, module_scores[module] = _try_module(module, options.copy, progress)
            all_survivors += module_survivors
    return _report(all_survivors, module_scores)


def _try_module(module: str, directory: Path | None, progress: Progress) -> tuple[list[Survivor], Score]:
    """Test all mutants of a module; return the survivors and the score."""
    source = code.get_path(module).read_text()
    mutants = list(create_mutants(source))
    task = progress.add_task(module, total=len(mutants))
    results, module_survivors = [], []
    with tempfile.TemporaryDirectory(prefix="mutation-", dir=directory) as copy:
        trial = Trial(module, Path(copy))
        for mutant in mutants:
            progress.refresh()
            results.append(trial.survives(mutant.source))
            if results[-1]:
                module_survivors.append(Survivor(module, mutant.line, mutant.operator, mutant.replacement))
            progress.advance(task)
    versions = {"Python": platform.python_version(), "cosmic-ray": version("cosmic-ray")}
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    counts = len(mutants), results.count(None), results.count(False)
    return module_survivors, Score(date, *counts, versions, code.compute_digest(source))


def _report(all_survivors: Sequence[Survivor], module_scores: dict[str, Score]) -> int:
    """Print the scores and write them to README.md if the list is correct; return the exit status."""
    _console.print(_create_table(module_scores))
    unlisted, killed = survivors.compare(all_survivors, module_scores)
    for message, group in (("survives but is not listed", unlisted), ("is listed but does not survive", killed)):
        for survivor in group:
            _console.print(
                f"{survivor.module}: {message}: {survivor.operator}\n  {survivor.line}\n  {survivor.replacement}",
                markup=False,
            )
    if unlisted or killed:
        return 1
    scores.write_scores(module_scores)
    page.write_readme(scores.read_scores(), survivors.read_survivors())
    return 0


def _create_table(module_scores: dict[str, Score]) -> Table:
    table = Table("module", "mutants", "killed", "survivors", "score")
    for module, score in module_scores.items():
        counts = (score.mutants - score.unfit, score.killed, score.survivors)
        table.add_row(module, *map(str, counts), f"{score.percent:.1f} %")
    return table


def _create_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"default: {', '.join(MODULES)}")
    parser.add_argument("--copy", type=Path, metavar="DIRECTORY", help="directory for the copies of the project")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="test no mutant; write README.md, which marks the modules that have changed since their run",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
