"""Draw two figures of a run as SVG charts, for light and dark pages: a new token and an API request."""

from pathlib import Path
from typing import Any

from .results import Run
from .workspace import Row

FOLDER = Path(__file__).parent
_PACKAGE = "django_cognito"
_INK = {"light": "#1f2328", "dark": "#e6edf3"}
_BARS = {"light": ("#0969da", "#afb8c1"), "dark": ("#4493f8", "#484f58")}
_PANELS = {
    "new-token": "Verify a new token: time relative to aws-jwt-verify",
    "api-request": "API request: time relative to one without authentication",
}


def draw_charts(run: Run, folder: Path = FOLDER) -> None:
    """Write chart-light.svg and chart-dark.svg."""
    for theme in _INK:
        _draw_chart(run, theme, folder / f"chart-{theme}.svg")


def _draw_chart(run: Run, theme: str, file: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    # The same run always results in the same file; text is not converted to paths.
    with matplotlib.rc_context({"svg.hashsalt": "benchmarks", "svg.fonttype": "none", "font.size": 9}):
        from matplotlib import pyplot

        panels = {title: run.figures[name].rows for name, title in _PANELS.items()}
        heights = [len(rows) for rows in panels.values()]
        figure, axes = pyplot.subplots(
            len(panels), 1, figsize=(8, 0.3 * sum(heights) + 1.2), height_ratios=heights, layout="constrained"
        )
        for axis, (title, rows) in zip(axes, panels.items(), strict=True):
            _draw_bars(axis, title, rows, theme)
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
        pyplot.close(figure)


def _draw_bars(axis: Any, title: str, rows: Any, theme: str) -> None:
    """Draw the rows, the fastest first, each with its ratio; the package is highlighted."""
    ordered: list[Row] = sorted(rows, key=lambda row: row.ratio, reverse=True)
    highlighted, other = _BARS[theme]
    colours = [highlighted if row.label.startswith(_PACKAGE) else other for row in ordered]
    ratios = [row.ratio or 0 for row in ordered]
    limit = 1.15 * max(ratios)
    bars = axis.barh([row.label for row in ordered], ratios, color=colours)
    axis.bar_label(bars, labels=[f"{ratio:.2f}" for ratio in ratios], padding=3, color=_INK[theme])
    axis.set_xlim(0, limit)
    axis.set_title(title, loc="left", color=_INK[theme], fontsize=10)
    axis.tick_params(colors=_INK[theme], length=0)
    axis.xaxis.set_visible(False)
    axis.spines[:].set_visible(False)
