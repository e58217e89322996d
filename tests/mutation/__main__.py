"""Changes core a line at a time and runs its tests: `python -m tests.mutation [MODULE ...]`. Needs os.fork.

The exit status is 1 where a mutant survives that survivors.toml does not list, or one no longer does that it lists.
Where the list is right, README.md tells the scores.
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
from .mutants import mutants_of
from .scores import Score
from .survivors import Survivor
from .trial import Trial

MODULES = tuple(code.TESTS)
_console = Console()


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the mutants of the modules that were asked for; 0 if exactly those survive that are listed."""
    user_from_token = _parser().parse_args(arguments)
    if user_from_token.publish:
        page.publish(scores.read(), survivors.read())
        return 0
    modules = tuple(user_from_token.modules) or MODULES
    os.environ["DJANGO_COGNITO_TEST_DATABASE"] = "sqlite"
    found, counted = [], {}
    columns = TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    # Not refreshed by a thread: the trials fork.
    with Progress(*columns, console=_console, auto_refresh=False) as progress:
        for module in modules:
            alive, counted[module] = _tried(module, user_from_token.copy, progress)
            found += alive
    return _told(found, counted)


def _tried(module: str, directory: Path | None, progress: Progress) -> tuple[list[Survivor], Score]:
    """The mutants of a module that survive, and the count of all."""
    source = code.path_of(module).read_text()
    mutants = list(mutants_of(source))
    task = progress.add_task(module, total=len(mutants))
    found, alive = [], []
    with tempfile.TemporaryDirectory(prefix="mutation-", dir=directory) as copy:
        trial = Trial(module, Path(copy))
        for mutant in mutants:
            progress.refresh()
            found.append(trial.survives(mutant.source))
            if found[-1]:
                alive.append(Survivor(module, mutant.line, mutant.operator, mutant.becomes))
            progress.advance(task)
    versions = {"Python": platform.python_version(), "cosmic-ray": version("cosmic-ray")}
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    counts = len(mutants), found.count(None), found.count(False)
    return alive, Score(date, *counts, versions, code.digest_of_source(source))


def _told(found: Sequence[Survivor], counted: dict[str, Score]) -> int:
    """Show the result, and publish it where the list is right."""
    _console.print(_table(counted))
    new, gone = survivors.compared(found, counted)
    for words, some in (("survives, and is not listed", new), ("is listed, and no longer survives", gone)):
        for one in some:
            _console.print(f"{one.module}: {words}: {one.operator}\n  {one.line}\n  {one.becomes}", markup=False)
    if new or gone:
        return 1
    scores.write(counted)
    page.publish(scores.read(), survivors.read())
    return 0


def _table(counted: dict[str, Score]) -> Table:
    shown = Table("module", "mutants", "killed", "survive", "score")
    for module, score in counted.items():
        counts = (score.mutants - score.unfit, score.killed, score.survivors)
        shown.add_row(module, *map(str, counts), f"{score.percent:.1f} %")
    return shown


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"by default {', '.join(MODULES)}")
    parser.add_argument("--copy", type=Path, metavar="DIRECTORY", help="where the copies of the project are made")
    parser.add_argument(
        "--publish", action="store_true", help="try nothing: write README.md, with the modules that have changed since"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
