"""Try the planted faults: `python -m tests.planted [SELECTION ...]`, a number (02) or a part of a name.

Each patch of this directory is applied alone to a copy of the project, and the tests that it names must fail there.
The exit status is 1 if a fault is not killed, 2 if the selection or a patch file is wrong.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from .patch import DIRECTORY, Patch, PatchError, read_patches
from .trial import PROJECT, Result, Verdict, run_unpatched, try_patch

_Tests = tuple[tuple[str, ...], str]  # the arguments of pytest, and the database
_GROUP_SIZE = 20  # their tests end well before the time limit of one run


def main(arguments: Sequence[str] | None = None, *, directory: Path = DIRECTORY, project: Path = PROJECT) -> int:
    """Try the selected patches and print a line for each; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        patches = _select(read_patches(directory), options.selections)
    except PatchError as error:
        print(error, file=sys.stderr)
        return 2
    verdicts = _try_all(patches, options.jobs, project)
    counts = Counter(verdicts)
    print(", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict]), flush=True)
    return int(counts[Verdict.KILLED] < len(patches))


def _select(patches: list[Patch], selections: Sequence[str]) -> list[Patch]:
    for selection in selections:
        if not any(patch.is_selected_by(selection) for patch in patches):
            raise PatchError(f"no patch is called {selection}; there are: {', '.join(patch.name for patch in patches)}")
    if not patches:
        raise PatchError("there is no patch")
    return [patch for patch in patches if not selections or any(map(patch.is_selected_by, selections))]


def _try_all(patches: Sequence[Patch], jobs: int, project: Path) -> list[Verdict]:
    with ThreadPoolExecutor(jobs) as pool:
        try:
            problems: dict[_Tests, str] = {}
            for result in pool.map(lambda group: _problems_of(group, project), _groups(patches)):
                problems |= result
            trials = {
                pool.submit(_try, patch, problems[patch.tests, patch.database], project): patch for patch in patches
            }
            return [_report(trials[trial], *trial.result()) for trial in as_completed(trials)]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _groups(patches: Sequence[Patch]) -> list[list[_Tests]]:
    """Return the tests of all patches in groups that one run of pytest can take: one database, no `-k`."""
    by_database: dict[str, list[_Tests]] = {}
    groups: list[list[_Tests]] = []
    for tests, database in dict.fromkeys((patch.tests, patch.database) for patch in patches):
        if "-k" in tests:
            groups.append([(tests, database)])
        else:
            by_database.setdefault(database, []).append((tests, database))
    for distinct in by_database.values():
        groups += [distinct[start : start + _GROUP_SIZE] for start in range(0, len(distinct), _GROUP_SIZE)]
    return groups


def _problems_of(group: list[_Tests], project: Path) -> dict[_Tests, str]:
    """Run the tests of a group without a patch; return the reason why they cannot judge a patch, or '' if they pass.

    One run takes the whole group, which saves many starts of pytest; only if it fails does each entry get its own run.
    """
    together = tuple(dict.fromkeys(test for tests, _ in group for test in tests))
    if len(group) > 1 and not run_unpatched(together, group[0][1], project):
        return dict.fromkeys(group, "")
    return {(tests, database): run_unpatched(tests, database, project) for tests, database in group}


def _try(patch: Patch, problem: str, project: Path) -> tuple[Result, float]:
    """Return the result and the seconds it took; tests that do not pass without the patch prove nothing."""
    started = time.monotonic()
    result = Result(Verdict.DOES_NOT_RUN, problem) if problem else try_patch(patch, project)
    return result, time.monotonic() - started


def _report(patch: Patch, result: Result, seconds: float) -> Verdict:
    print(f"{result.verdict.value:16} {patch.name} ({seconds:.0f} s)", flush=True)
    if result.verdict is not Verdict.KILLED:
        print(f"  promise: {patch.promise}\n  tests: {' '.join(patch.tests)}")
        print("".join(f"  | {line}\n" for line in result.detail.splitlines()), end="", flush=True)
    return result.verdict


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument("selections", nargs="*", metavar="SELECTION", help="a number or a part of a name; default: all")
    parser.add_argument("--jobs", type=int, default=2, help="how many are tried in parallel (default %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
