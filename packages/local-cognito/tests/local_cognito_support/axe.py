"""Accessibility checks with axe-core on a page in Playwright's browser.

    assert axe.violations(page) == []

The script is installed from npm once per run into a temporary folder; tests that use it need "npm" and "chromium".
It is evaluated via the browser's debugging protocol: a page's Content-Security-Policy does not block it.
"""

import os
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

PACKAGE = "axe-core@4.14"
# WCAG 2.2 at level AA, as axe-core tags it, and axe-core's best practices.
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# Load nothing for the check: read style sheets as the browser has loaded them.
_RUN = "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, preload: false, resultTypes: ['violations']})"


def violations(page: Page, tags: tuple[str, ...] = TAGS) -> list[str]:
    """Return axe-core's violations on the current page: one line each, starting with the rule and the elements."""
    if page.evaluate("typeof axe === 'undefined'"):  # once for each document: it has half a megabyte
        page.evaluate(_source())
    report: dict[str, Any] = page.evaluate(_RUN, list(tags))
    # An empty report of a check that did not run would look like a page without violations.
    assert report["testEngine"]["name"] == "axe-core"
    return [_line(violation) for violation in report["violations"]]


def _line(violation: dict[str, Any]) -> str:
    elements = ", ".join(" ".join(map(str, node["target"])) for node in violation["nodes"])
    return f"{violation['id']} at {elements}: {violation['help']}"


@cache
def _source() -> str:
    # The processes of one run share the folder: the first one installs the package, the others wait for it.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = Path(tempfile.gettempdir()) / f"axe-core-{run}"
    script = folder / "axe.min.js"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        deadline = time.monotonic() + 600
        while not script.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
    else:
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        subprocess.run(["npm", "install", *options, "--prefix", str(folder), PACKAGE], check=True, timeout=600)
        (folder / "node_modules" / "axe-core" / "axe.min.js").rename(script)  # complete or absent
    return script.read_text(encoding="utf-8")
