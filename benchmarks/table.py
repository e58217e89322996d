"""A run as tables: between the markers of README.md, and on a terminal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.table import Table

from .results import Run
from .stage import Figure, Goal, Row

README = Path(__file__).parent / "README.md"
_BEGIN, _END = "<!-- results -->", "<!-- end of results -->"


def publish(run: Run, readme: Path = README) -> None:
    """Put the run's tables where the last one's were."""
    before, after = parts_around(readme.read_text())
    readme.write_text(f"{before}{markdown(run)}{after}")


def parts_around(text: str) -> tuple[str, str]:
    """What stands before the results, the marker included, and what stands after them."""
    before, _, rest = text.partition(_BEGIN)
    return before + _BEGIN, _END + rest.partition(_END)[2]


def markdown(run: Run) -> str:
    """The run, as it stands in README.md between the markers."""
    machine = run.machine
    kind = "A short run (`--quick`)" if run.quick else "A whole run"
    told = f"{kind} of {run.date}, on {machine['cores']} cores of {machine['cpu']}, {machine['system']}."
    used = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    lines = [
        "",
        told,
        "",
        *_goals(run),
        "",
        "## In detail",
        *(line for each in run.figures.values() for line in _details(each)),
    ]
    return "\n".join([*lines, "", "## Versions", "", used + ".", ""])


def _goals(run: Run) -> Iterator[str]:
    yield from ("| what | measured | to reach | |", "|---|---:|---:|---|")
    for goal in (goal for figure in run.figures.values() for goal in figure.goals):
        words = goal.what.strip() if goal.what[0] != " " else f"&ensp;{goal.what.strip()}"
        yield f"| {words} | {_amount(goal.value, goal.unit)} | ≤ {_amount(goal.limit, goal.unit)} | {_verdict(goal)} |"


def _verdict(goal: Goal) -> str:
    return "reached" if goal.is_met else "**missed**"


def _details(figure: Figure) -> Iterator[str]:
    yield from ("", f"### {figure.title}", "")
    if figure.ratio_to:
        yield from (f"| | to {figure.ratio_to} | | |", "|---|---:|---:|---|")
    else:
        yield from ("| | | |", "|---|---:|---|")
    for row in figure.rows:
        ratio = [_ratio(row)] if figure.ratio_to else []
        yield f"| {' | '.join([row.who, *ratio, _amount(row.value, row.unit), row.note])} |"
    yield from (line for note in figure.notes for line in ("", f"{note}."))


def _ratio(row: Row) -> str:
    return "" if row.ratio is None else f"{row.ratio:.2f}" if row.ratio >= 0.095 else f"{row.ratio:.2g}"


def _amount(value: float, unit: str) -> str:
    number = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return f"{number} {unit}".strip()


def on_a_terminal(name: str, figure: Figure) -> Any:
    """A figure, for whoever waits for it."""
    shown = Table(title=f"{figure.title} ({name})", title_justify="left")
    for heading in ("", f"to {figure.ratio_to}" if figure.ratio_to else "", "", ""):
        shown.add_column(heading, justify="left" if not heading else "right")
    for row in figure.rows:
        shown.add_row(row.who, _ratio(row), _amount(row.value, row.unit), row.note)
    for goal in figure.goals:
        verdict = "reached" if goal.is_met else "missed"
        shown.add_row(
            f"[bold]{goal.what}", "", _amount(goal.value, goal.unit), f"≤ {_amount(goal.limit, goal.unit)}: {verdict}"
        )
    return shown
