"""A run as a chart, SVG, for light and for dark pages: what an API request costs, and what a new token costs."""

from pathlib import Path
from typing import Any

from .results import Run
from .stage import Row

FOLDER = Path(__file__).parent
_OURS = "django_cognito"
_INK = {"light": "#1f2328", "dark": "#e6edf3"}
_BARS = {"light": ("#0969da", "#afb8c1"), "dark": ("#4493f8", "#484f58")}
_PANELS = {
    "new-token": "Verify a new token, to aws-jwt-verify",
    "api-request": "An API request, to one without authentication",
}


def draw(run: Run, folder: Path = FOLDER) -> None:
    """Both files."""
    for theme in _INK:
        _draw(run, theme, folder / f"chart-{theme}.svg")


def _draw(run: Run, theme: str, file: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    # The same run gives the same file; text stays text.
    with matplotlib.rc_context({"svg.hashsalt": "benchmarks", "svg.fonttype": "none", "font.size": 9}):
        from matplotlib import pyplot

        panels = {title: run.figures[name].rows for name, title in _PANELS.items()}
        heights = [len(rows) for rows in panels.values()]
        figure, axes = pyplot.subplots(
            len(panels), 1, figsize=(8, 0.3 * sum(heights) + 1.2), height_ratios=heights, layout="constrained"
        )
        for axis, (title, rows) in zip(axes, panels.items(), strict=True):
            _bars(axis, title, rows, theme)
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
        pyplot.close(figure)


def _bars(axis: Any, title: str, rows: Any, theme: str) -> None:
    """The rows from the fastest down, each with its ratio; ours in colour."""
    ordered: list[Row] = sorted(rows, key=lambda row: row.ratio, reverse=True)
    ours, others = _BARS[theme]
    colours = [ours if row.who.startswith(_OURS) else others for row in ordered]
    ratios = [row.ratio or 0 for row in ordered]
    limit = 1.15 * max(ratio for ratio in ratios)
    bars = axis.barh([row.who for row in ordered], ratios, color=colours)
    axis.bar_label(bars, labels=[f"{ratio:.2f}" for ratio in ratios], padding=3, color=_INK[theme])
    axis.set_xlim(0, limit)
    axis.set_title(title, loc="left", color=_INK[theme], fontsize=10)
    axis.tick_params(colors=_INK[theme], length=0)
    axis.xaxis.set_visible(False)
    axis.spines[:].set_visible(False)
