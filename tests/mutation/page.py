"""Scores and survivors as a page: README.md, between its markers. It states which modules have changed since."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from . import code
from .scores import Score
from .survivors import Survivor

README = Path(__file__).parent / "README.md"
_BEGIN, _END = "<!-- results -->", "<!-- end of results -->"


def publish(scores: Mapping[str, Score], listed: Mapping[Survivor, str], readme: Path = README) -> None:
    """Put these results where the last ones were."""
    readme.write_text(written(readme.read_text(), scores, listed))


def written(page: str, scores: Mapping[str, Score], listed: Mapping[Survivor, str]) -> str:
    """The page with these results."""
    before, _, rest = page.partition(_BEGIN)
    lines = ["", *_table(scores), "", *_not_tried(), *_survivors(listed), ""]
    return before + _BEGIN + "\n".join(lines) + _END + rest.partition(_END)[2]


def _table(scores: Mapping[str, Score]) -> Iterator[str]:
    yield "| module | mutants | killed | survive | score | run on | with | code |"
    yield "|---|---:|---:|---:|---:|---|---|---|"
    for module in sorted(scores.keys() | code.modules() - code.NOT_TRIED.keys()):
        yield _row(module, scores.get(module))


def _row(module: str, score: Score | None) -> str:
    if score is None:
        return f"| `{module}` | | | | not run yet | | | |"
    counts = f"{score.mutants - score.unfit} | {score.killed} | {score.survivors} | {score.percent:.1f} %"
    used = ", ".join(f"{name} {version}" for name, version in score.versions.items())
    state = "as tried" if score.digest == code.digest_of(module) else "has changed since"
    return f"| `{module}` | {counts} | {score.date} | {used} | {state} |"


def _not_tried() -> Iterator[str]:
    yield "Not tried:"
    yield ""
    yield from (f"- `{module}`: {reason}." for module, reason in code.NOT_TRIED.items())


def _survivors(listed: Mapping[Survivor, str]) -> Iterator[str]:
    for module, group in groupby(listed.items(), key=lambda item: item[0].module):
        yield from ("", f"## `{module}`")
        for (line, reason), mutants in groupby(group, key=lambda item: (item[0].line, item[1])):
            yield from ("", f"`` {line} ``", "")
            yield from (f"- {mutant.operator}: {_code(mutant.becomes)}" for mutant, _ in mutants)
            yield from ("", reason)


def _code(line: str) -> str:
    return f"`` {line} ``" if line else "gone"
