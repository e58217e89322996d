"""axe-core on a page in Playwright's browser: what somebody with other eyes, ears or hands than the author's meets.

    assert axe.violations(page) == []

The script is npm's, installed once a run into a folder of its own; tests that use it need "npm" and "chromium".
It is evaluated by the browser's own protocol, so a page's Content-Security-Policy neither stops it nor has to be eased.
"""

import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

PACKAGE = "axe-core@4.14"
# WCAG 2.2 at level AA, as axe-core tags it, and what axe-core holds to be good practice.
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# Nothing is loaded for the check: style sheets are read as the browser has them.
_RUN = "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, preload: false, resultTypes: ['violations']})"


def violations(page: Page, tags: tuple[str, ...] = TAGS) -> list[str]:
    """What axe-core finds wrong with the page as it is shown now: a line for each, the rule and the elements first."""
    page.evaluate(_source())
    found: dict[str, Any] = page.evaluate(_RUN, list(tags))
    # An empty report of a check that did not run would look like a page without fault.
    assert found["testEngine"]["name"] == "axe-core"
    return [_line(violation) for violation in found["violations"]]


def _line(violation: dict[str, Any]) -> str:
    elements = ", ".join(" ".join(map(str, node["target"])) for node in violation["nodes"])
    return f"{violation['id']} at {elements}: {violation['help']}"


@cache
def _source() -> str:
    folder = Path(tempfile.mkdtemp(prefix="axe-core-"))
    quietly = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    subprocess.run(["npm", "install", *quietly, "--prefix", str(folder), PACKAGE], check=True, timeout=120)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
