"""Scores and survivors as text of README.md, between its markers."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from . import code
from .scores import Score
from .survivors import Survivor

README = Path(__file__).parent / "README.md"
_BEGIN, _END = "<!-- results -->", "<!-- end of results -->"


def write_readme(scores: Mapping[str, Score], listed: Mapping[Survivor, str], readme: Path = README) -> None:
    """Replace the results of the last run in `readme`."""
    readme.write_text(replace_results(readme.read_text(), scores, listed))


def replace_results(page: str, scores: Mapping[str, Score], listed: Mapping[Survivor, str]) -> str:
    """Return the page with these results."""
    before, _, rest = page.partition(_BEGIN)
    lines = ["", *_format_table(scores), "", *_format_untested(), *_format_survivors(listed), ""]
    return before + _BEGIN + "\n".join(lines) + _END + rest.partition(_END)[2]


def _format_table(scores: Mapping[str, Score]) -> Iterator[str]:
    yield "| module | mutants | killed | survivors | score | date | versions | code |"
    yield "|---|---:|---:|---:|---:|---|---|---|"
    for module in sorted(scores.keys() | code.list_modules() - code.UNTESTED.keys()):
        yield _format_row(module, scores.get(module))


def _format_row(module: str, score: Score | None) -> str:
    if score is None:
        return f"| `{module}` | | | | not run yet | | | |"
    counts = f"{score.mutants - score.unfit} | {score.killed} | {score.survivors} | {score.percent:.1f} %"
    versions = ", ".join(f"{name} {version}" for name, version in score.versions.items())
    state = "unchanged" if score.digest == code.compute_module_digest(module) else "changed since"
    return f"| `{module}` | {counts} | {score.date} | {versions} | {state} |"


def _format_untested() -> Iterator[str]:
    yield "Modules without mutation tests:"
    yield ""
    yield from (f"- `{module}`: {reason}." for module, reason in code.UNTESTED.items())


def _format_survivors(listed: Mapping[Survivor, str]) -> Iterator[str]:
    for module, group in groupby(listed.items(), key=lambda item: item[0].module):
        yield from ("", f"## `{module}`")
        for (line, reason), mutants in groupby(group, key=lambda item: (item[0].line, item[1])):
            yield from ("", f"`` {line} ``", "")
            yield from (f"- {mutant.operator}: {_format_code(mutant.replacement)}" for mutant, _ in mutants)
            yield from ("", reason)


def _format_code(line: str) -> str:
    return f"`` {line} ``" if line else "removed"
