"""The results of a run as tables, in README.md between its markers and on a terminal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.table import Table

from .results import Run
from .workspace import Figure, Goal, Row

README = Path(__file__).parent / "README.md"
_BEGIN, _END = "<!-- results -->", "<!-- end of results -->"


def write_readme(run: Run, readme: Path = README) -> None:
    """Replace the tables of the last run in `readme`."""
    before, after = split_page(readme.read_text())
    readme.write_text(f"{before}{format_markdown(run)}{after}")


def split_page(text: str) -> tuple[str, str]:
    """Return the text before the results and the text after them, both with their marker."""
    before, _, rest = text.partition(_BEGIN)
    return before + _BEGIN, _END + rest.partition(_END)[2]


def format_markdown(run: Run) -> str:
    """Return the text of README.md between the markers."""
    machine = run.machine
    kind = "Quick run (`--quick`)" if run.quick else "Full run"
    summary = f"{kind} of {run.date}, on {machine['cores']} cores of {machine['cpu']}, {machine['system']}."
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    lines = [
        "",
        summary,
        "",
        *_format_goals(run),
        "",
        "## Details",
        *(line for figure in run.figures.values() for line in _format_details(figure)),
    ]
    return "\n".join([*lines, "", "## Versions", "", versions + ".", ""])


def _format_goals(run: Run) -> Iterator[str]:
    yield from ("| measurement | result | goal | |", "|---|---:|---:|---|")
    for goal in (goal for figure in run.figures.values() for goal in figure.goals):
        label = goal.label.strip() if goal.label[0] != " " else f"&ensp;{goal.label.strip()}"
        amount, limit = _format_amount(goal.value, goal.unit), _format_amount(goal.limit, goal.unit)
        yield f"| {label} | {amount} | ≤ {limit} | {_format_verdict(goal)} |"


def _format_verdict(goal: Goal) -> str:
    return "met" if goal.is_met else "**not met**"


def _format_details(figure: Figure) -> Iterator[str]:
    yield from ("", f"### {figure.title}", "")
    if figure.base:
        yield from (f"| | relative to {figure.base} | | |", "|---|---:|---:|---|")
    else:
        yield from ("| | | |", "|---|---:|---|")
    for row in figure.rows:
        ratio = [_format_ratio(row)] if figure.base else []
        yield f"| {' | '.join([row.label, *ratio, _format_amount(row.value, row.unit), row.note])} |"
    yield from (line for note in figure.notes for line in ("", f"{note}."))


def _format_ratio(row: Row) -> str:
    return "" if row.ratio is None else f"{row.ratio:.2f}" if row.ratio >= 0.095 else f"{row.ratio:.2g}"


def _format_amount(value: float, unit: str) -> str:
    number = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return f"{number} {unit}".strip()


def create_terminal_table(name: str, figure: Figure) -> Any:
    """Return a figure as a table for the terminal."""
    terminal_table = Table(title=f"{figure.title} ({name})", title_justify="left")
    for heading in ("", f"relative to {figure.base}" if figure.base else "", "", ""):
        terminal_table.add_column(heading, justify="left" if not heading else "right")
    for row in figure.rows:
        terminal_table.add_row(row.label, _format_ratio(row), _format_amount(row.value, row.unit), row.note)
    for goal in figure.goals:
        verdict = "met" if goal.is_met else "not met"
        terminal_table.add_row(
            f"[bold]{goal.label}",
            "",
            _format_amount(goal.value, goal.unit),
            f"≤ {_format_amount(goal.limit, goal.unit)}: {verdict}",
        )
    return terminal_table
